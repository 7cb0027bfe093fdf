namespace Inkstone.Tensors;

/// <summary>A kernel is used only after it has multiplied one small product as plain code does.</summary>
internal static unsafe class KernelProof
{
    private const int K = 77;

    /// <summary>The kernel, or null (with a line on stderr) when its product is wrong.</summary>
    public static MicroKernel? OrNull(MicroKernel kernel)
    {
        double worst = Worst(kernel);
        if (worst < 1e-5)
        {
            return kernel;
        }
        Console.Error.WriteLine(
            $"warning: the kernel '{kernel.Name}' gave wrong products on this CPU (off by {worst:E1}); using a portable one instead"
        );
        return null;
    }

    private enum Entry
    {
        Panels,
        Rows,
        Strip,
    }

    /// <summary>Largest difference from a double-precision product of the rounded operands, relative to the largest sum, over all that the
    /// kernel can be called with.</summary>
    public static double Worst(MicroKernel kernel)
    {
        double worst = Worst(kernel, Entry.Panels);
        worst = kernel.RunRows == null ? worst : Math.Max(worst, Worst(kernel, Entry.Rows));
        for (int tail = 0; tail < kernel.Rows && kernel.Strip != null; tail += 4)
        {
            worst = Math.Max(worst, Worst(kernel, Entry.Strip, tail));
        }
        return worst;
    }

    /// <param name="kernel">what is proved</param>
    /// <param name="entry">how it is called</param>
    /// <param name="tail">rows of a strip after its whole tile; they are the tile's first again</param>
    private static double Worst(MicroKernel kernel, Entry entry, int tail = 0)
    {
        int rows = kernel.Rows,
            columns = kernel.Columns;
        PhiloxRandom random = new(1, 2);
        float[] a = new float[rows * K],
            b = new float[K * columns],
            c = new float[(rows + tail) * columns],
            addend = new float[c.Length];
        random.FillNormal(a, 1);
        (random with { Stream = 3 }).FillNormal(b, 1);
        (random with { Stream = 4 }).FillNormal(addend, 1);
        bool rounded = kernel.Layout != PanelLayout.Float32;
        byte[] panelA = new byte[Packing.BytesA(kernel, K) + Packing.SlackBytes];
        byte[] panelB = new byte[Packing.BytesB(kernel, K) + Packing.SlackBytes];
        fixed (
            float* pa = a,
                pb = b,
                pc = c,
                pd = addend
        )
        {
            fixed (
                byte* qa = panelA,
                    qb = panelB
            )
            {
                if (entry == Entry.Rows)
                {
                    Packing.CopyRows(kernel, MatrixView.Rows(pa, K), rows, K, Packing.RowBytes(kernel, K), qa);
                }
                else
                {
                    Packing.PackA(kernel, MatrixView.Rows(pa, K), rows, K, qa);
                }
                Packing.PackB(kernel, MatrixView.Rows(pb, columns), columns, K, qb);
                TileArguments tile = new()
                {
                    A = qa,
                    B = qb,
                    C = pc,
                    Steps = (K + kernel.StepValues - 1) / kernel.StepValues,
                    StrideC = columns * sizeof(float),
                    Addend = pd,
                    StrideAddend = columns * sizeof(float),
                    StrideA = Packing.RowBytes(kernel, K),
                };
                kernel.Begin();
                if (entry == Entry.Strip)
                {
                    addend.CopyTo(c, 0);
                    StripArguments strip = new()
                    {
                        A = qa,
                        B = qb,
                        C = pc,
                        Steps = tile.Steps,
                        PanelBytes = 0,
                        Tiles = 1,
                        Tail = tail,
                        Accumulate = 1,
                    };
                    kernel.Strip(&strip);
                }
                else
                {
                    (entry == Entry.Rows ? kernel.RunRows : kernel.Run)(&tile);
                }
                kernel.End();
            }
        }
        double worst = 0,
            largest = 0;
        for (int i = 0; i < rows + tail; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double sum = addend[i * columns + j];
                for (int k = 0; k < K; k++)
                {
                    sum += (double)Round(a[i % rows * K + k], rounded) * Round(b[k * columns + j], rounded);
                }
                worst = Math.Max(worst, Math.Abs(sum - c[i * columns + j]));
                largest = Math.Max(largest, Math.Abs(sum));
            }
        }
        return double.IsNaN(worst) ? double.PositiveInfinity : worst / largest;
    }

    private static float Round(float value, bool rounded) => rounded ? BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(value)) : value;
}
