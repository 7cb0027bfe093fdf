namespace Inkstone.Tensors;

/// <summary>One of several products that run together: C[M, N] = A[M, K] · B[K, N] (+ C).</summary>
internal unsafe struct Product
{
    public MatrixView A,
        B;
    public int M,
        N,
        K;
    public float* C;
    public nint StrideC;
    public bool Accumulate;
}

/// <summary>
/// Many products as one job: the panels of all of them are packed together and their tasks are shared out together, so that
/// all threads stay busy although each product may be small (experts of a sparse layer).
/// </summary>
/// <remarks>Each product is summed exactly as <see cref="MatMul"/> does it, so neither the grouping nor the number of threads changes a
/// bit.</remarks>
internal static unsafe class GroupedMatMul
{
    /// <summary>Bytes of packed B that one job may take; what takes over half of them alone goes through <see cref="MatMul"/>.</summary>
    private static readonly long JobBytes = 6 * Blocking.PackedBytes;

    public static void Run(Device device, Product* products, int count)
    {
        MicroKernel kernel = device.MatMulKernel;
        Tensor list = device.Rent(new Shape(checked(count * sizeof(MatMulPlan) / sizeof(float) + 1)));
        MatMulPlan* plans = (MatMulPlan*)list.Pointer;
        int planned = 0;
        long bytes = 0;
        for (int i = 0; i < count; i++)
        {
            Product p = products[i];
            if (p.M == 0 || p.N == 0 || p.K == 0)
            {
                Clear(p);
                continue;
            }
            int depth = MatMul.Depth(kernel, p.K);
            MatMulPlan plan = new(kernel, p.A, p.B, p.M, p.N, p.K, depth, device.Workers.Count, count)
            {
                C = p.C,
                StrideC = p.StrideC,
                Addend = p.Accumulate ? p.C : null,
                StrideAddend = p.StrideC,
            };
            if (
                (p.M <= SmallRows.MostRows && p.A.ColumnStride == 1 && p.B.RowStride == 1)
                || plan.PackedBytes > JobBytes / 2
                || Int8Product.Serves(device, p.A, p.B, p.K)
            )
            {
                MatMul.Run(device, p.A, p.B, p.M, p.N, p.K, p.C, p.StrideC, p.Accumulate ? p.C : null, p.StrideC);
                continue;
            }
            if (bytes + plan.PackedBytes > JobBytes)
            {
                MatMulJob.Run(device, kernel, plans, planned);
                (planned, bytes) = (0, 0);
            }
            plans[planned++] = plan;
            bytes += plan.PackedBytes;
        }
        if (planned > 0)
        {
            MatMulJob.Run(device, kernel, plans, planned);
        }
        list.Release();
    }

    /// <summary>A product without terms: zero, or nothing to add.</summary>
    private static void Clear(Product p)
    {
        for (int row = 0; row < p.M && !p.Accumulate; row++)
        {
            new Span<float>(p.C + row * p.StrideC, p.N).Clear();
        }
    }
}
