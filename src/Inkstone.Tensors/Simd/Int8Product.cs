using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// C = A · Wᵀ (+ addend) with quantised W and A rounded to 8 bits, for inference: the numbers that llama.cpp computes. A few rows of A read
/// W as it lies in memory, eight of its
/// rows at a time, and are bound by memory; for more rows each task packs 32 rows of W once and sweeps A over them.
/// </summary>
/// <remarks>Every element is summed by one thread over ascending blocks, in the same operations whatever the way, so neither the number of
/// threads nor the number of rows changes a bit of it.</remarks>
internal static unsafe class Int8Product
{
    private const int QuantiseGrain = 8;

    /// <summary>How far beyond the next eight rows memory is asked for: 0 gave 42 GB/s of Q8_0, 4,096 and 8,192 53 to 60.</summary>
    private const int Ahead = 6 << 10;

    /// <summary>Whether a product is multiplied so: nothing is trained, no other type was asked for, and operands lie as the kernels want
    /// them, whole rows of float32 and whole rows of blocks.</summary>
    public static bool Serves(Device device, MatrixView a, MatrixView b, int k) =>
        device.Int8Products
        && !device.Tape.Training
        && b.Type.IsQuantised()
        && b.RowStride == 1
        && b.ColumnStride == k
        && b.Offset % k == 0
        && a.Type == DType.Float32
        && a.ColumnStride == 1
        && k > 0;

    /// <summary>Multiplies rows with one to three weights of one type.</summary>
    public static void Run(Device device, MatrixView a, int m, int k, ReadOnlySpan<RowProduct> products)
    {
        Int8Kernel kernel = Int8Kernel.Of(device.Isa);
        RowProduct first = products[0],
            second = products.Length > 1 ? products[1] : default,
            third = products.Length > 2 ? products[2] : default;
        bool few = m <= kernel.MostDotRows;
        foreach (RowProduct product in products)
        {
            few &= product.N >= Int8Kernel.DotRows;
        }
        int tiles = (m + kernel.Rows - 1) / kernel.Rows,
            rows = few || kernel.FewerRows ? m : tiles * kernel.Rows;
        Tensor memory = device.Rent(new Shape(checked((int)((Int8Rows.Bytes(rows, k) + 63) / 64 * 16))));
        Int8Rows x = new(memory.Pointer, rows, k);
        DType type = first.B.Type;
        QuantiseTask quantise = new(x, (float*)a.Pointer, a.RowStride, m, Int8Kernel.Zero(type));
        if (few)
        {
            quantise.Run(0, rows, 0);
        }
        else
        {
            device.Run(quantise, rows, QuantiseGrain);
        }
        int unit = few ? Int8Kernel.DotRows : Int8Kernel.Columns,
            firstPanels = (first.N + unit - 1) / unit,
            secondPanels = (second.N + unit - 1) / unit,
            panels = firstPanels + secondPanels + (third.N + unit - 1) / unit;
        int parts = few ? 1 : Math.Clamp(4 * device.Workers.Count / panels, 1, tiles);
        int items = panels * parts,
            firstEnd = firstPanels * parts,
            secondEnd = firstEnd + secondPanels * parts,
            chunk = SmallRows.UnitsPerChunk(device, items, first.Bytes(k) + second.Bytes(k) + third.Bytes(k));
        Operands one = new(kernel, x, type, m, k, first),
            two = new(kernel, x, type, m, k, second),
            three = new(kernel, x, type, m, k, third);
        if (few)
        {
            device.Run(new JoinedKernels<DotTask>(new(one), new(two), new(three), firstEnd, secondEnd), items, chunk);
        }
        else
        {
            device.Run(new JoinedKernels<TileTask>(Tile(one), Tile(two), Tile(three), firstEnd, secondEnd), items, chunk);
        }
        memory.Release();

        TileTask Tile(Operands o) => new(o, device.Workers, parts, tiles, rows);
    }

    /// <summary>What both ways need.</summary>
    private readonly struct Operands(Int8Kernel kernel, Int8Rows x, DType type, int m, int k, RowProduct p)
    {
        public Int8Kernel Kernel => kernel;

        public Int8Rows X => x;

        public DType Type => type;

        public int M => m;

        public int N => p.N;

        public int Blocks => k / DTypes.BlockElements;

        public nint StrideWeight => (nint)type.Bytes(k);

        public nint StrideC => p.StrideC;

        public nint StrideAddend => p.StrideAddend;

        public byte* Weight(int row) => p.B.Pointer + p.B.Offset / DTypes.BlockElements * type.BlockBytes() + row * StrideWeight;

        public float* C(int row, int column) => p.C + row * p.StrideC + column;

        public float* Addend(int row, int column) => p.Addend == null ? null : p.Addend + row * p.StrideAddend + column;
    }

    private readonly struct QuantiseTask(Int8Rows x, float* source, nint stride, int exist, int zero) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                if (row < exist)
                {
                    x.Quantise(row, source + row * stride, zero);
                }
                else
                {
                    x.Clear(row);
                }
            }
        }
    }

    private readonly struct DotTask(Operands o) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* sums = stackalloc float[Int8Kernel.DotRows];
            Int8Dot dot = new()
            {
                StrideWeight = o.StrideWeight,
                Blocks = o.Blocks,
                Sums = sums,
            };
            nint groupBytes = Int8Kernel.DotRows * o.StrideWeight;
            byte* last = o.Weight(Math.Min(end * Int8Kernel.DotRows, o.N) - Int8Kernel.DotRows);
            Prefetch(o.Weight(Math.Min(start * Int8Kernel.DotRows, o.N - Int8Kernel.DotRows)), groupBytes);
            for (int group = start; group < end; group++)
            {
                // The last group reaches back over rows that another one stores.
                int first = group * Int8Kernel.DotRows,
                    from = Math.Min(first, o.N - Int8Kernel.DotRows);
                dot.Weight = o.Weight(from);
                // Not beyond this chunk, whose end is asked for again instead: no traffic for another thread's rows.
                dot.Ahead = (byte*)Math.Min((nint)(dot.Weight + groupBytes + Ahead), (nint)last);
                for (int row = 0; row < o.M; row++)
                {
                    dot.X = o.X.Values(row);
                    dot.Scales = o.X.Scales(row);
                    o.Kernel.Dot(o.Type, &dot);
                    float* c = o.C(row, from),
                        addend = o.Addend(row, from);
                    for (int i = first - from; i < Int8Kernel.DotRows; i++)
                    {
                        c[i] = addend == null ? sums[i] : sums[i] + addend[i];
                    }
                }
            }
        }
    }

    private static void Prefetch(byte* memory, nint bytes)
    {
        for (nint at = 0; at < bytes && Sse.IsSupported; at += 64)
        {
            Sse.Prefetch0(memory + at);
        }
    }

    private readonly struct TileTask(Operands o, Workers workers, int parts, int tiles, long rows) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            byte* panel = workers.Scratch(worker, o.Blocks * (long)Int8Panel.BlockBytes(o.Type));
            float* edge = stackalloc float[Int8Kernel.Columns * Int8Kernel.Columns];
            o.Kernel.Begin();
            for (int item = start; item < end; item++)
            {
                (int column, int part) = (item / parts * Int8Kernel.Columns, item % parts);
                int columns = Math.Min(Int8Kernel.Columns, o.N - column);
                byte* weight = o.Weight(column),
                    ahead = item + 1 < end ? o.Weight((item + 1) / parts * Int8Kernel.Columns) : weight;
                Int8Panel.Pack(o.Type, weight, o.StrideWeight, columns, o.Blocks, panel, ahead);
                for (int tile = part * tiles / parts; tile < (part + 1) * tiles / parts; tile++)
                {
                    // Dealt out evenly: tiles of fewer rows take less time, and whole ones stay whole.
                    int row = (int)(tile * rows / tiles);
                    Multiply(panel, row, (int)((tile + 1) * rows / tiles) - row, column, columns, edge);
                }
            }
            o.Kernel.End();
        }

        /// <summary>One tile; where it is not whole, by way of <paramref name="edge"/>.</summary>
        private void Multiply(byte* panel, int row, int rows, int column, int columns, float* edge)
        {
            int exist = Math.Min(rows, o.M - row);
            bool whole = exist == rows && columns == Int8Kernel.Columns;
            Int8Tile tile = new()
            {
                X = o.X.Values(row),
                Scales = o.X.Scales(row),
                StrideX = o.X.ValueStride,
                StrideScales = o.X.ScaleStride,
                Panel = panel,
                C = whole ? o.C(row, column) : edge,
                StrideC = (whole ? o.StrideC : Int8Kernel.Columns) * sizeof(float),
                Addend = whole ? o.Addend(row, column) : null,
                StrideAddend = o.StrideAddend * sizeof(float),
                Blocks = o.Blocks,
                Rows = rows,
            };
            o.Kernel.Tile(o.Type, &tile);
            if (!whole)
            {
                EdgeTile.Copy(edge, Int8Kernel.Columns, o.C(row, column), o.StrideC, o.Addend(row, column), o.StrideAddend, exist, columns);
            }
        }
    }
}
