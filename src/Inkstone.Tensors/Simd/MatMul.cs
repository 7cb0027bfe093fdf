namespace Inkstone.Tensors;

/// <summary>
/// C[M, N] = A[M, K] · B[K, N] (+ addend), packed and cache-blocked after Goto and van de Geijn, "Anatomy of high-performance matrix
/// multiplication" (TOMS 2008). B is packed once, shared by all threads, in parts that a cache holds; each task
/// sweeps such a part with a block of rows of A.
/// </summary>
/// <remarks>
/// Every element of C is summed by one thread, over k in ascending order in blocks that depend on K and this CPU alone, so the result does
/// not depend on
/// the number of threads. Transposition is a matter of strides (<see cref="MatrixView.T"/>).
/// </remarks>
internal static unsafe class MatMul
{
    /// <summary>Columns of a part of B at least.</summary>
    private const int LeastWidth = 512;

    /// <summary>Multiplies in the device's <see cref="Device.MatMulType"/>.</summary>
    /// <param name="device">where</param>
    /// <param name="a">[M, K]</param>
    /// <param name="b">[K, N]</param>
    /// <param name="m">M</param>
    /// <param name="n">N</param>
    /// <param name="k">K</param>
    /// <param name="c">[M, N], rows <paramref name="strideC"/> apart</param>
    /// <param name="strideC">elements from one row of C to the next</param>
    /// <param name="addend">added to the product; may be C itself; null for none</param>
    /// <param name="strideAddend">elements from one row of the addend to the next (0: one row for all)</param>
    /// <param name="exact">multiplies in float32 whatever the device's type: where rounding would change decisions, as in a router</param>
    public static void Run(
        Device device,
        MatrixView a,
        MatrixView b,
        int m,
        int n,
        int k,
        float* c,
        nint strideC,
        float* addend = null,
        nint strideAddend = 0,
        bool exact = false
    )
    {
        if (m == 0 || n == 0)
        {
            return;
        }
        RowProduct product = new(b, n, c, strideC, addend, strideAddend);
        if (!exact && Int8Product.Serves(device, a, b, k))
        {
            Int8Product.Run(device, a, m, k, [product]);
            return;
        }
        if (SmallRows.Serves(a, b, m))
        {
            SmallRows.Run(device, a, m, k, [product]);
            return;
        }
        Blocks(
            device,
            exact ? MicroKernel.Float32(device.Isa) : device.MatMulKernel,
            a,
            b,
            m,
            n,
            k,
            c,
            strideC,
            addend,
            strideAddend,
            null
        );
    }

    /// <summary>One to three products of the same rows, as one job where weights are read as they lie.</summary>
    public static void RunEach(Device device, MatrixView a, int m, int k, ReadOnlySpan<RowProduct> products)
    {
        bool small = m > 0,
            int8 = m > 0;
        foreach (RowProduct p in products)
        {
            bool served = Int8Product.Serves(device, a, p.B, k);
            int8 &= served && p.B.Type == products[0].B.Type;
            small &= !served && SmallRows.Serves(a, p.B, m);
        }
        if (int8)
        {
            Int8Product.Run(device, a, m, k, products);
            return;
        }
        if (small)
        {
            SmallRows.Run(device, a, m, k, products);
            return;
        }
        foreach (RowProduct p in products)
        {
            Run(device, a, p.B, m, p.N, k, p.C, p.StrideC, p.Addend, p.StrideAddend);
        }
    }

    /// <summary>The same with a bfloat16 result [M, N]. Tiles are rounded on their way to memory where k is a single block; otherwise the
    /// whole result is.</summary>
    /// <param name="device">where</param>
    /// <param name="a">[M, K]</param>
    /// <param name="b">[K, N]</param>
    /// <param name="m">M</param>
    /// <param name="n">N</param>
    /// <param name="k">K</param>
    /// <param name="c">[M, N]</param>
    /// <param name="bias">[N] or null</param>
    public static void RunCompact(Device device, MatrixView a, MatrixView b, int m, int n, int k, Tensor c, Tensor? bias = null)
    {
        MicroKernel kernel = device.MatMulKernel;
        if (bias is null && k <= Depth(kernel, k) && kernel.Columns % 32 == 0)
        {
            Blocks(device, kernel, a, b, m, n, k, null, n, null, 0, c.B16);
            return;
        }
        Tensor wide = device.Rent(new Shape(m, n));
        Run(device, a, b, m, n, k, wide.F32, n, bias is null ? null : bias.F32);
        ConvertKernels.Run(wide, c);
        wide.Release();
    }

    private static void Blocks(
        Device device,
        MicroKernel kernel,
        MatrixView a,
        MatrixView b,
        int m,
        int n,
        int k,
        float* c,
        nint strideC,
        float* addend,
        nint strideAddend,
        ushort* rounded
    )
    {
        int depth = Depth(kernel, k),
            bytes = kernel.ElementBytes;
        // B is packed in parts. Where A has to be packed as well, that is done again for every part of columns, so k is cut instead, which
        // adds to C once more for every part.
        int least = LeftPanels.ReadsRows(kernel, a) ? LeastWidth : Math.Max(LeastWidth, n);
        int superDepth = Part(k, Blocking.PackedBytes / ((long)least * bytes), depth),
            width = Part(n, Blocking.PackedBytes / ((long)superDepth * bytes), kernel.Columns);
        for (int column = 0; column < n; column += width)
        {
            for (int from = 0; from < Math.Max(k, 1); from += superDepth)
            {
                bool first = from == 0;
                float* target = c + column;
                MatMulPlan plan = new(
                    kernel,
                    a.From(0, from),
                    b.From(from, column),
                    m,
                    Math.Min(width, n - column),
                    Math.Min(superDepth, k - from),
                    depth,
                    device.Workers.Count
                )
                {
                    C = target,
                    StrideC = strideC,
                    Addend =
                        !first ? target
                        : addend == null ? null
                        : addend + column,
                    StrideAddend = first ? strideAddend : strideC,
                    Rounded = rounded == null ? null : rounded + column,
                };
                MatMulJob.Run(device, kernel, &plan, 1);
            }
        }
    }

    /// <summary>The whole of <paramref name="length"/>, or as few equal parts as do not exceed <paramref name="most"/>, in steps of
    /// <paramref name="unit"/>.</summary>
    private static int Part(int length, long most, int unit)
    {
        int units = Math.Max(1, (length + unit - 1) / unit),
            parts = (int)((units + Math.Max(1, most / unit) - 1) / Math.Max(1, most / unit));
        return (units + parts - 1) / parts * unit;
    }

    /// <summary>Values of k in one block: all of K cut into equal parts whose panel of A fits level 1.</summary>
    public static int Depth(MicroKernel kernel, int k)
    {
        int most = Blocking.PanelBytes / (kernel.Rows * kernel.ElementBytes);
        int blocks = Math.Max(1, (k + most - 1) / most),
            step = Math.Max(kernel.StepValues, 16);
        return Math.Max(step, ((k + blocks - 1) / blocks + step - 1) / step * step);
    }
}
