namespace Inkstone.Tensors.Tests;

/// <summary>What packing makes for AMX and the kernel that reads it, in the interpreter.</summary>
public sealed unsafe class AmxKernelTests
{
    private const int Size = 32;

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(32, false, true)]
    [InlineData(33, true, true)]
    [InlineData(95, true, false)]
    [InlineData(160, false, true)]
    public void Packed_operands_and_kernel_multiply(int k, bool transposed, bool withAddend)
    {
        const int StrideC = Size + 7;
        float[] a = Random(Size * k, 1),
            b = Random(k * Size, 2),
            c = new float[Size * StrideC],
            addend = Random(Size * StrideC, 3);
        MicroKernel layout = new()
        {
            Name = "tiles",
            Rows = Size,
            Columns = Size,
            Layout = PanelLayout.Tiles,
            Run = null,
        };
        byte[] panelA = new byte[Packing.BytesA(layout, k) + Packing.SlackBytes],
            panelB = new byte[Packing.BytesB(layout, k) + Packing.SlackBytes];
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
                // a is [rows, k], or [k, rows] when transposed; b is [k, columns], or [columns, k]
                MatrixView left = transposed ? MatrixView.Rows(pa, Size).T : MatrixView.Rows(pa, k);
                MatrixView right = transposed ? MatrixView.Rows(pb, k).T : MatrixView.Rows(pb, Size);
                Packing.PackA(layout, left, Size, k, qa);
                Packing.PackB(layout, right, Size, k, qb);
                TileArguments tile = new()
                {
                    A = qa,
                    B = qb,
                    C = pc,
                    Steps = (k + 31) / 32,
                    StrideC = StrideC * sizeof(float),
                    Addend = withAddend ? pd : null,
                    StrideAddend = StrideC * sizeof(float),
                };
                byte* configuration = stackalloc byte[64];
                AmxKernel.Configure(configuration);
                Interpreter interpreter = new(
                    new CheckedMemory()
                        .Allow("arguments", &tile, sizeof(TileArguments), Access.Read)
                        .Allow("configuration", configuration, 64, Access.Read)
                        .Allow("A", qa, Packing.BytesA(layout, k), Access.Read)
                        .Allow("B", qb, Packing.BytesB(layout, k), Access.Read)
                        .Allow("C", pc, Size * sizeof(float), Access.Write, Size, tile.StrideC)
                        .Allow("addend", pd, Size * sizeof(float), Access.Read, Size, tile.StrideAddend)
                );
                interpreter.Run(AssembledFunctions.AmxBegin, (long)configuration);
                interpreter.Run(AssembledFunctions.AmxTile, (long)&tile);
            }
        }
        for (int i = 0; i < Size; i++)
        {
            for (int j = 0; j < Size; j++)
            {
                double sum = withAddend ? addend[i * StrideC + j] : 0;
                for (int p = 0; p < k; p++)
                {
                    sum += (double)Round(a[transposed ? p * Size + i : i * k + p]) * Round(b[transposed ? j * k + p : p * Size + j]);
                }
                ((double)c[i * StrideC + j]).ShouldBe(sum, 1e-4 * Math.Sqrt(k));
            }
        }
    }

    private static float Round(float value) => BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(value));

    private static float[] Random(int count, ulong stream)
    {
        float[] values = new float[count];
        new PhiloxRandom(5, stream).FillNormal(values, 1);
        return values;
    }
}
