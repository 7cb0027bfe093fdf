namespace Inkstone.Tensors;

/// <summary>
/// C[M, N] = A[M, K] · B[K, N] (+ addend), packed and cache-blocked after Goto and van de Geijn, "Anatomy of high-performance matrix
/// multiplication" (TOMS 2008). B is packed once, shared by all threads; each task packs a block of rows of A for itself and sweeps B with it.
/// </summary>
/// <remarks>
/// Every element of C is summed by one thread, over k in ascending order in blocks that depend on K alone, so the result does not depend on
/// the number of threads. Transposition is a matter of strides (<see cref="MatrixView.T"/>).
/// </remarks>
internal static unsafe class MatMul
{
    /// <summary>Bytes of packed B that are swept at a time: half of a 32 MiB last-level cache.</summary>
    private const long PackedBytes = 12 << 20;

    /// <summary>Bytes of a packed block of A: a share of a 1 MiB level-2 cache.</summary>
    private const int BlockBytes = 320 << 10;

    /// <summary>Bytes of a panel of A, kept in level 1 while a panel of B passes.</summary>
    private const int PanelBytes = 24 << 10;

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
    public static void Run(Device device, MatrixView a, MatrixView b, int m, int n, int k, float* c, nint strideC, float* addend = null, nint strideAddend = 0)
    {
        if (m == 0 || n == 0)
        {
            return;
        }
        if (m <= SmallRows.MostRows && a.ColumnStride == 1 && b.RowStride == 1)
        {
            SmallRows.Run(device, a, b, m, n, k, c, strideC, addend, strideAddend);
            return;
        }
        MicroKernel kernel = device.MatMulKernel;
        int depth = Depth(kernel, k);
        int superDepth = (int)Math.Min(k, Math.Max(1, PackedBytes / (512L * kernel.ElementBytes) / depth) * depth);
        int width = (int)Math.Min(n, Math.Max(PackedBytes / ((long)superDepth * kernel.ElementBytes) / kernel.Columns, 1) * kernel.Columns);
        for (int column = 0; column < n; column += width)
        {
            int columns = Math.Min(width, n - column);
            for (int from = 0; from < Math.Max(k, 1); from += superDepth)
            {
                bool first = from == 0;
                Sweep(device, kernel, a.At(0, from), b.At(from, column), m, columns, n - column, Math.Min(superDepth, k - from), depth,
                    c + column, strideC, first ? addend == null ? null : addend + column : c + column, first ? strideAddend : strideC);
            }
        }
    }

    /// <summary>Values of k in one block: all of K cut into equal parts whose panel of A fits level 1.</summary>
    private static int Depth(MicroKernel kernel, int k)
    {
        int most = PanelBytes / (kernel.Rows * kernel.ElementBytes);
        int blocks = Math.Max(1, (k + most - 1) / most), step = Math.Max(kernel.StepValues, 16);
        return Math.Max(step, ((k + blocks - 1) / blocks + step - 1) / step * step);
    }

    private static void Sweep(Device device, MicroKernel kernel, MatrixView a, MatrixView b, int m, int n, int readableN, int k, int depth,
        float* c, nint strideC, float* addend, nint strideAddend)
    {
        int blocks = Math.Max(1, (k + depth - 1) / depth), panels = (n + kernel.Columns - 1) / kernel.Columns;
        // Where a panel is narrower than a vector, packing writes past its end: panels that two threads pack must not touch.
        long panelBytes = Packing.BytesB(kernel, depth) + (kernel.Columns % 16 == 0 ? 0 : Packing.SlackBytes);
        Tensor packed = device.Rent(new Shape(checked((int)((blocks * panels * panelBytes + Packing.SlackBytes) / sizeof(float) + 1))));
        byte* packedB = packed.Pointer;
        Plan plan = new(a, b, m, n, readableN, k, depth, panels, panelBytes, c, strideC, addend, strideAddend, packedB);
        device.Run(new PackTask(kernel, plan, device.Workers), blocks * panels, 4);

        int block = BlockRows(kernel, m, depth, device.Workers.Count);
        device.Run(new BlockTask(kernel, plan, block, device.Workers), (m + block - 1) / block, 1);
        packed.Release();
    }

    /// <summary>Rows of A in a task: as many as level 2 holds, fewer when there would not be a few tasks for each thread.</summary>
    private static int BlockRows(MicroKernel kernel, int m, int depth, int threads)
    {
        int most = Math.Max(1, BlockBytes / (depth * kernel.ElementBytes * kernel.Rows));
        int panels = (m + kernel.Rows - 1) / kernel.Rows;
        int tasks = Math.Max((panels + most - 1) / most, Math.Min(panels, threads == 1 ? 1 : 4 * threads));
        return (panels + tasks - 1) / tasks * kernel.Rows;
    }

    /// <summary>Everything the tasks share.</summary>
    private readonly struct Plan(MatrixView a, MatrixView b, int m, int n, int readableN, int k, int depth, int panels, long panelBytes,
        float* c, nint strideC, float* addend, nint strideAddend, byte* packedB)
    {
        public readonly MatrixView A = a, B = b;
        public readonly int M = m, N = n, ReadableN = readableN, K = k, Depth = depth, Panels = panels;
        public readonly long PanelBytes = panelBytes;
        public readonly float* C = c, Addend = addend;
        public readonly nint StrideC = strideC, StrideAddend = strideAddend;
        public readonly byte* PackedB = packedB;
    }

    /// <summary>Packs panels of B; item i is panel i % Panels of block i / Panels.</summary>
    private readonly struct PackTask(MicroKernel kernel, Plan plan, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int item = start; item < end; item++)
            {
                (int block, int panel) = Math.DivRem(item, plan.Panels);
                int from = block * plan.Depth, column = panel * kernel.Columns;
                int columns = Math.Min(kernel.Columns, plan.N - column), k = Math.Min(plan.Depth, plan.K - from);
                MatrixView panelOfB = plan.B.At(from, column);
                int readable = plan.ReadableN - column;
                if (panelOfB.Type != DType.Float32)
                {
                    (panelOfB, readable) = (Widened(panelOfB, columns, k, worker), columns);
                }
                Packing.PackB(kernel, panelOfB, columns, readable, k, plan.PackedB + item * plan.PanelBytes);
            }
        }

        /// <summary>A panel of bfloat16 or quantised B as float32, read along its contiguous side.</summary>
        private MatrixView Widened(MatrixView b, int columns, int k, int worker)
        {
            float* target = (float*)workers.Scratch(worker, sizeof(float) * (long)columns * k + Packing.SlackBytes);
            bool byColumn = b.RowStride == 1;
            (int lines, int length) = byColumn ? (columns, k) : (k, columns);
            for (int line = 0; line < lines; line++)
            {
                RowDecoder.Decode(byColumn ? b.At(0, line) : b.At(line, 0), length, target + (long)line * length);
            }
            MatrixView rows = MatrixView.Rows(target, length);
            return byColumn ? rows.T : rows;
        }
    }

    /// <summary>Multiplies blocks of rows.</summary>
    private readonly struct BlockTask(MicroKernel kernel, Plan plan, int blockRows, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            kernel.Begin();
            for (int block = start; block < end; block++)
            {
                int row = block * blockRows, rows = Math.Min(blockRows, plan.M - row);
                for (int from = 0, item = 0; from < Math.Max(plan.K, 1); from += plan.Depth, item++)
                {
                    Multiply(row, rows, from, item, worker);
                }
            }
            kernel.End();
        }

        private void Multiply(int row, int rows, int from, int item, int worker)
        {
            int k = Math.Min(plan.Depth, plan.K - from), panels = (rows + kernel.Rows - 1) / kernel.Rows;
            long panelBytes = Packing.BytesA(kernel, k);
            byte* packedA = workers.Scratch(worker, panels * panelBytes + Packing.SlackBytes);
            for (int panel = 0; panel < panels; panel++)
            {
                Packing.PackA(kernel, plan.A.At(row + panel * kernel.Rows, from), Math.Min(kernel.Rows, rows - panel * kernel.Rows), plan.M - row - panel * kernel.Rows, k, packedA + panel * panelBytes);
            }

            float* addend = from == 0 ? plan.Addend : plan.C;
            nint strideAddend = from == 0 ? plan.StrideAddend : plan.StrideC;
            byte* packedB = plan.PackedB + (long)item * plan.Panels * plan.PanelBytes;
            TileArguments tile = new()
            {
                Steps = (k + kernel.StepValues - 1) / kernel.StepValues,
                StrideC = plan.StrideC * sizeof(float),
                StrideAddend = strideAddend * sizeof(float),
            };
            for (int column = 0; column < plan.Panels; column++)
            {
                tile.B = packedB + column * plan.PanelBytes;
                int columns = Math.Min(kernel.Columns, plan.N - column * kernel.Columns);
                for (int panel = 0; panel < panels; panel++)
                {
                    long at = row + panel * kernel.Rows;
                    tile.A = packedA + panel * panelBytes;
                    tile.C = plan.C + at * plan.StrideC + column * kernel.Columns;
                    tile.Addend = addend == null ? null : addend + at * strideAddend + column * kernel.Columns;
                    EdgeTile.Run(kernel, &tile, Math.Min(kernel.Rows, rows - panel * kernel.Rows), columns);
                }
            }
        }
    }
}
