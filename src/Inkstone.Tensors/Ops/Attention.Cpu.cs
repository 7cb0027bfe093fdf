namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <see cref="Ops.Attention"/>. T: queries, S: keys, D: head dim, Dv: value dim. Work goes by blocks of 96 tokens and strips of 32 columns (<see cref="Strips"/>).
/// </summary>
/// <remarks>
/// Forward, 32 queries at a time: Sᵀ = K · Qᵀ has keys as rows and queries as lanes, so maxima, sums and rescaling are vertical, a pair of rows becomes a row
/// of B for Oᵀ += Vᵀ · Pᵀ, and nothing is ever transposed but the result. Log-sum-exp is kept to base 2, because exponentials are taken as 2^(s · scale · log₂e − shift).
/// </remarks>
internal static unsafe partial class AttentionKernels
{
    private const int Block = Strips.Block, Width = Strips.Width;

    /// <summary>With at most this many queries keys are read in place instead of packed.</summary>
    private const int FewQueries = 4;

    public static void Forward(AttentionSizes sizes, Tensor q, Tensor k, Tensor v, Tensor? documentStarts, Tensor o, Tensor lse)
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("attention.forward", flops: sizes.ForwardFlops);
        int* starts = documentStarts is null ? null : documentStarts.I32;
        if (sizes.Queries <= FewQueries)
        {
            device.Run(new FewQueriesKernel(sizes, q.F32, k.F32, v.F32, starts, o.F32, lse.F32, device.Workers), sizes.Batch * sizes.KeyValueHeads, 1);
            return;
        }
        Strips strips = new(device.MatMulKernel);
        KeyBlocks blocks = new(strips, sizes);
        Tensor packed = device.Rent(new Shape(checked((int)(sizes.Batch * sizes.KeyValueHeads * blocks.HeadBytes / sizeof(float) + 1))));
        device.Run(new PackKernel(sizes, strips, blocks, k.F32, v.F32, packed.Pointer, device.Workers), sizes.Batch * sizes.KeyValueHeads * blocks.Count, 1);
        int queryBlocks = (sizes.Queries + Block - 1) / Block;
        device.Run(new ForwardKernel(sizes, strips, blocks, q.F32, packed.Pointer, starts, o.F32, lse.F32, device.Workers),
            sizes.Batch * sizes.Heads * queryBlocks, 1);
        packed.Release();
    }

    /// <summary>Where the packed keys [keys, D] and transposed values [Dv, keys] of each block of keys lie, head after head.</summary>
    private readonly struct KeyBlocks(Strips strips, AttentionSizes sizes)
    {
        public readonly int Count = (sizes.Keys + Block - 1) / Block;
        public readonly long KeyBytes = Align(strips.LeftBytes(Block, sizes.HeadDim));
        public readonly long BlockBytes = Align(strips.LeftBytes(Block, sizes.HeadDim)) + Align(strips.LeftBytes(sizes.ValueDim, Block));

        public long HeadBytes => Count * BlockBytes;
    }

    /// <summary>Packs one block of keys and values of one key-value head.</summary>
    private readonly struct PackKernel(AttentionSizes sizes, Strips strips, KeyBlocks blocks, float* k, float* v, byte* packed, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* gathered = (float*)workers.Scratch(worker, sizeof(float) * (long)Math.Max(strips.GatheredFloats(sizes.HeadDim), strips.GatheredFloats(sizes.ValueDim)));
            for (int item = start; item < end; item++)
            {
                (int head, int block) = Math.DivRem(item, blocks.Count);
                (int batch, int kv) = Math.DivRem(head, sizes.KeyValueHeads);
                int key = block * Block, count = Math.Min(Block, sizes.Keys - key);
                nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim, strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
                nint row = (nint)batch * sizes.Keys + key;
                byte* target = packed + item * blocks.BlockBytes;
                strips.Gather(k + row * strideK + kv * sizes.HeadDim, strideK, count, sizes.HeadDim, gathered);
                strips.LeftTokens(gathered, sizes.HeadDim, target);
                strips.Gather(v + row * strideV + kv * sizes.ValueDim, strideV, count, sizes.ValueDim, gathered);
                strips.LeftValues(gathered, sizes.ValueDim, target + blocks.KeyBytes);
            }
        }
    }

    /// <summary>One block of queries of one head.</summary>
    private readonly struct ForwardKernel(AttentionSizes sizes, Strips strips, KeyBlocks blocks, float* q, byte* packed,
        int* starts, float* o, float* lse, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int queryBlocks = (sizes.Queries + Block - 1) / Block;
            strips.Begin();
            for (int item = start; item < end; item++)
            {
                (int head, int block) = Math.DivRem(item, queryBlocks);
                (int batch, int h) = Math.DivRem(head, sizes.Heads);
                // Long rows of the causal triangle first, so that the last tasks are short.
                Queries(batch, h, (queryBlocks - 1 - block) * Block, worker);
            }
            strips.End();
        }

        private void Queries(int batch, int h, int query, int worker)
        {
            int rows = Math.Min(Block, sizes.Queries - query), past = sizes.Keys - sizes.Queries;
            int sumFloats = strips.PaddedRows(sizes.ValueDim) * Width;
            ScratchParts parts = new(workers.Scratch(worker, ScratchBytes()));
            float* gathered = parts.Floats(strips.GatheredFloats(sizes.HeadDim));
            float* scores = parts.Floats(Block * Width);
            byte* probabilities = parts.Bytes(strips.RightBytes(Block));
            nint strideQ = (nint)sizes.Heads * sizes.HeadDim, strideO = (nint)sizes.Heads * sizes.ValueDim;
            nint first = (nint)batch * sizes.Queries + query;
            strips.Gather(q + first * strideQ + h * sizes.HeadDim, strideQ, rows, sizes.HeadDim, gathered);
            int count = (rows + Width - 1) / Width;
            QueryStrip* queries = (QueryStrip*)parts.Bytes(sizeof(QueryStrip) * (long)(Block / Width));
            int low = int.MaxValue, high = 0;
            for (int i = 0; i < count; i++)
            {
                QueryStrip* strip = queries + i;
                int n = Math.Min(Width, rows - i * Width);
                strip->Begin(sizes, starts == null ? null : starts + first + i * Width, past + query + i * Width, n);
                strip->Queries = parts.Bytes(strips.RightBytes(sizes.HeadDim));
                strip->Sums = parts.Floats(sumFloats);
                strips.RightTokens(gathered + i * Width * strips.GatheredStride(sizes.HeadDim), sizes.HeadDim, strip->Queries);
                (low, high) = (Math.Min(low, strip->Low), Math.Max(high, strip->High));
            }
            byte* head = packed + (batch * sizes.KeyValueHeads + h / sizes.Group) * blocks.HeadBytes;
            for (int key = low / Block * Block; key <= high; key += Block)
            {
                byte* keys = head + key / Block * blocks.BlockBytes;
                for (int i = 0; i < count; i++)
                {
                    Attend(queries + i, key, keys, scores, probabilities);
                }
            }
            for (int i = 0; i < count; i++)
            {
                QueryStrip* strip = queries + i;
                int n = Math.Min(Width, rows - i * Width);
                strip->End(sizes.ValueDim, lse + ((nint)batch * sizes.Heads + h) * sizes.Queries + query + i * Width, n);
                StripRows.StoreTransposed(strip->Sums, sizes.ValueDim, n, o + (first + i * Width) * strideO + h * sizes.ValueDim, strideO, accumulate: false);
            }
        }

        /// <summary>A strip of queries and a block of keys.</summary>
        private void Attend(QueryStrip* strip, int key, byte* keys, float* scores, byte* probabilities)
        {
            int begin = 0, end = Block;
            if (strips.Trims)
            {
                begin = Math.Max(0, strip->Low - key) / strips.Rows * strips.Rows;
                end = Math.Min(Block, strip->High + 1 - key);
            }
            if (begin >= end || strip->High < key || strip->Low >= key + Block)
            {
                return;
            }
            strips.Multiply(keys, begin, end - begin, strip->Queries, sizes.HeadDim, 0, sizes.HeadDim, scores, accumulate: false);
            end = (end + 1) / 2 * 2;
            strip->Mask(scores, key, begin, end);
            strip->Raise(scores, begin, end, sizes.Scale * Lanes.Log2E, sizes.ValueDim);
            strip->Exponentials(scores, begin, end, sizes.Scale * Lanes.Log2E, strips.Pairs ? (uint*)probabilities : null);
            byte* right = strips.Pairs ? probabilities : strips.Right(scores, begin, end, probabilities);
            strips.Multiply(keys + blocks.KeyBytes, 0, sizes.ValueDim, right, Block, begin, end, strip->Sums, accumulate: strip->Started);
            strip->Started = true;
        }

        private long ScratchBytes() => sizeof(float) * (long)(strips.GatheredFloats(sizes.HeadDim) + Block * Width + Block / Width * strips.PaddedRows(sizes.ValueDim) * Width)
            + strips.RightBytes(Block) + Block / Width * (sizeof(QueryStrip) + strips.RightBytes(sizes.HeadDim)) + 4096;
    }

    private static long Align(long bytes) => (bytes + 63) / 64 * 64;

    /// <summary>Cuts scratch memory into aligned parts.</summary>
    private ref struct ScratchParts(byte* at)
    {
        public byte* Bytes(long bytes)
        {
            byte* part = at;
            at += Align(bytes);
            return part;
        }

        public float* Floats(int count) => (float*)Bytes(sizeof(float) * (long)count);
    }
}
