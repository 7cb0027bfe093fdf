namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.StoreKeys"/>, <see cref="Ops.StoreRows"/> and <see cref="Ops.LoadRows"/>: copies between rows and
/// blocks.</summary>
internal static unsafe class CacheRowKernels
{
    private const int Block = RaggedRows.BlockTokens,
        Grain = 16;

    public static void StoreKeys(Tensor keys, Tensor store, RaggedRows rows, Tensor tables)
    {
        using Profile.Scope _ = keys.Device.Measure("cache.store_keys", bytes: 8.0 * keys.Count);
        keys.Device.Run(new StoreKeysKernel(keys.F32, store.F32, keys.Shape.Last, new Places(rows, tables)), keys.Shape.Rows, Grain);
    }

    public static void StoreRows(Tensor values, Tensor store, RaggedRows rows, Tensor tables, int from, int every)
    {
        using Profile.Scope _ = values.Device.Measure("cache.store_rows", bytes: 8.0 * values.Count);
        values.Device.Run(
            new StoreRowsKernel(values.F32, store.F32 + from, values.Shape.Last, store.Shape[1], every, new Places(rows, tables)),
            values.Shape.Rows,
            Grain
        );
    }

    public static Tensor LoadRows(Tensor store, RaggedRows rows, Tensor tables, int from, int count)
    {
        int total = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            total += rows.Past.I32[i] + rows.Starts.I32[i + 1] - rows.Starts.I32[i];
        }
        Tensor y = store.Device.Rent(new Shape(1, total, count));
        using Profile.Scope _ = store.Device.Measure("cache.load_rows", bytes: 8.0 * y.Count);
        int row = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            int held = rows.Past.I32[i] + rows.Starts.I32[i + 1] - rows.Starts.I32[i];
            store.Device.Run(
                new LoadKernel(store.F32 + from, y.F32 + (long)row * count, count, store.Shape[1], tables.I32 + (long)i * tables.Shape[1]),
                held,
                Grain
            );
            row += held;
        }
        return y;
    }

    /// <summary>Where the blocks of a row's tokens lie.</summary>
    internal readonly struct Places(RaggedRows rows, Tensor tables)
    {
        private readonly int* _starts = rows.Starts.I32,
            _past = rows.Past.I32,
            _tables = tables.I32;
        private readonly int _width = tables.Shape[1],
            _count = rows.Count;

        /// <summary>Sequence of a token.</summary>
        public int Sequence(int token)
        {
            int low = 0,
                high = _count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                (low, high) = _starts[middle] <= token ? (middle, high) : (low, middle - 1);
            }
            return low;
        }

        public int End(int sequence) => _starts[sequence + 1];

        /// <summary>Block of a token and its place there.</summary>
        public (int Block, int Lane) Locate(int sequence, int token) => At(sequence, Position(sequence, token));

        /// <summary>Block of the token of a sequence at a position, and its place there.</summary>
        public (int Block, int Lane) At(int sequence, int position) =>
            (_tables[(long)sequence * _width + position / Block], position % Block);

        /// <summary>A token's place in its sequence.</summary>
        public int Position(int sequence, int token) => _past[sequence] + token - _starts[sequence];
    }

    private readonly struct StoreKeysKernel(float* keys, float* store, int width, Places places) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int sequence = places.Sequence(start);
            for (int token = start; token < end; token++)
            {
                sequence += token == places.End(sequence) ? 1 : 0;
                (int block, int lane) = places.Locate(sequence, token);
                float* from = keys + (long)token * width,
                    to = store + (long)block * width * Block + lane;
                for (int i = 0; i < width; i++)
                {
                    to[(long)i * Block] = from[i];
                }
            }
        }
    }

    private readonly struct StoreRowsKernel(float* values, float* store, int width, int stride, int every, Places places) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int sequence = places.Sequence(start);
            for (int token = start; token < end; token++)
            {
                sequence += token == places.End(sequence) ? 1 : 0;
                if ((places.Position(sequence, token) + 1) % every != 0)
                {
                    continue;
                }
                (int block, int lane) = places.Locate(sequence, token);
                new ReadOnlySpan<float>(values + (long)token * width, width).CopyTo(
                    new Span<float>(store + ((long)block * Block + lane) * stride, width)
                );
            }
        }
    }

    private readonly struct LoadKernel(float* store, float* y, int width, int stride, int* table) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                float* from = store + ((long)table[token / Block] * Block + token % Block) * stride;
                new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(y + (long)token * width, width));
            }
        }
    }
}
