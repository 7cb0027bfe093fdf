namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <see cref="Ops.Attention"/>. T: queries, S: keys, D: head dim, Dv: value dim. Work goes by blocks of 96 tokens and strips
/// of 32 columns (<see cref="Strips"/>).
/// </summary>
/// <remarks>
/// Forward, 32 queries at a time: Sᵀ = K · Qᵀ has keys as rows and queries as lanes, so maxima, sums and rescaling are vertical, a pair of
/// rows becomes a row
/// of B for Oᵀ += Vᵀ · Pᵀ, and nothing is ever transposed but the result. Log-sum-exp is kept to base 2, because exponentials are taken as
/// 2^(s · scale · log₂e − shift).
/// </remarks>
internal static unsafe partial class AttentionKernels
{
    private const int Block = Strips.Block,
        Width = Strips.Width;

    /// <summary>With at most this many queries keys are read in place instead of packed.</summary>
    private const int FewQueries = 4;

    public static void Forward(
        AttentionSizes sizes,
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor? documentStarts,
        Tensor? sinks,
        Tensor o,
        Tensor lse
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("attention.forward", flops: sizes.ForwardFlops);
        int* starts = documentStarts is null ? null : documentStarts.I32;
        float* sink = sinks is null ? null : sinks.F32;
        if (sizes.Queries <= FewQueries)
        {
            device.Run(
                new FewQueriesKernel(sizes, q.F32, k.F32, v.F32, starts, sink, o.F32, lse.F32, device.Workers),
                sizes.Batch * sizes.KeyValueHeads,
                FewQueriesKernel.Grain(sizes, device.Workers.Count)
            );
            return;
        }
        Strips strips = new(device.MatMulKernel);
        KeyBlocks blocks = new(strips, sizes);
        KeyPacker packer = new(sizes, strips, blocks, k.F32, v.F32);
        int heads = sizes.Batch * sizes.KeyValueHeads,
            queryBlocks = (sizes.Queries + Block - 1) / Block;
        if (heads >= 4 * device.Workers.Count)
        {
            // Each task packs its key-value head into its own memory, where it stays in the cache. The same products in the same order
            // either way.
            device.Run(
                new ForwardKernel(sizes, strips, blocks, packer, q.F32, null, starts, sink, o.F32, lse.F32, device.Workers),
                heads,
                heads / (8 * device.Workers.Count) // heads beside one another: the next one's keys are asked for ahead
            );
            return;
        }
        Tensor packed = device.Rent(new Shape(checked((int)(heads * blocks.HeadBytes / sizeof(float) + 1))));
        device.Run(new PackKernel(sizes, packer, blocks, packed.Pointer, device.Workers), heads * blocks.Count, 1);
        device.Run(
            new ForwardKernel(sizes, strips, blocks, packer, q.F32, packed.Pointer, starts, sink, o.F32, lse.F32, device.Workers),
            sizes.Batch * sizes.Heads * queryBlocks,
            1
        );
        packed.Release();
    }

    /// <summary>Where the packed keys [keys, D] and transposed values [Dv, keys] of each block of keys lie, head after head.</summary>
    private readonly struct KeyBlocks(Strips strips, AttentionSizes sizes)
    {
        public readonly int Count = (sizes.Keys + Block - 1) / Block;
        public readonly long KeyBytes = Align(strips.LeftBytes(Block, sizes.HeadDim));
        public readonly long BlockBytes = Align(strips.LeftBytes(Block, sizes.HeadDim)) + Align(strips.LeftBytes(sizes.ValueDim, Block));
        public readonly long GatheredBytes = Align(Math.Max(strips.GatheredBytes(sizes.HeadDim), strips.GatheredBytes(sizes.ValueDim)));

        public long HeadBytes => Count * BlockBytes;
    }

    /// <summary>Packs keys and values of one key-value head.</summary>
    private readonly struct KeyPacker(AttentionSizes sizes, Strips strips, KeyBlocks blocks, float* k, float* v)
    {
        public void Pack(int batch, int kv, int block, byte* gathered, byte* target)
        {
            int key = block * Block,
                count = Math.Min(Block, sizes.Keys - key);
            nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim,
                strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
            nint row = (nint)batch * sizes.Keys + key;
            float* keys = k + row * strideK + kv * sizes.HeadDim,
                values = v + row * strideV + kv * sizes.ValueDim;
            Strips.Prefetch(values, strideV, count, sizes.ValueDim);
            strips.Gather(keys, strideK, count, sizes.HeadDim, gathered);
            Strips.Prefetch(keys + Block * strideK, strideK, Math.Min(Block, sizes.Keys - key - count), sizes.HeadDim);
            strips.LeftTokens(gathered, sizes.HeadDim, target);
            strips.Gather(values, strideV, count, sizes.ValueDim, gathered);
            strips.LeftValues(gathered, sizes.ValueDim, target + blocks.KeyBytes);
        }

        /// <summary>Asks for a block of the head behind this one.</summary>
        public void PrefetchNext(int batch, int kv, int block)
        {
            int key = block * Block,
                count = Math.Min(Block, sizes.Keys - key);
            (batch, kv) = kv + 1 < sizes.KeyValueHeads ? (batch, kv + 1) : (batch + 1, 0);
            nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim,
                strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
            nint row = (nint)batch * sizes.Keys + key;
            Strips.Prefetch(k + row * strideK + kv * sizes.HeadDim, strideK, count, sizes.HeadDim);
            Strips.Prefetch(v + row * strideV + kv * sizes.ValueDim, strideV, count, sizes.ValueDim);
        }
    }

    /// <summary>Packs the blocks of all heads.</summary>
    private readonly struct PackKernel(AttentionSizes sizes, KeyPacker packer, KeyBlocks blocks, byte* packed, Workers workers)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            byte* gathered = workers.Scratch(worker, blocks.GatheredBytes);
            for (int item = start; item < end; item++)
            {
                (int head, int block) = Math.DivRem(item, blocks.Count);
                (int batch, int kv) = Math.DivRem(head, sizes.KeyValueHeads);
                packer.Pack(batch, kv, block, gathered, packed + item * blocks.BlockBytes);
            }
        }
    }

    /// <summary>One block of queries of one head, or (<paramref name="packed"/> is null) all of one key-value head.</summary>
    private readonly struct ForwardKernel(
        AttentionSizes sizes,
        Strips strips,
        KeyBlocks blocks,
        KeyPacker packer,
        float* q,
        byte* packed,
        int* starts,
        float* sinks,
        float* o,
        float* lse,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int queryBlocks = (sizes.Queries + Block - 1) / Block;
            byte* scratch = workers.Scratch(worker, ScratchBytes() + (packed == null ? blocks.HeadBytes : 0));
            strips.Begin();
            for (int item = start; item < end; item++)
            {
                if (packed == null)
                {
                    (int row, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                    KeyValueHead(row, kv, queryBlocks, scratch);
                    continue;
                }
                (int head, int block) = Math.DivRem(item, queryBlocks);
                (int batch, int h) = Math.DivRem(head, sizes.Heads);
                // Long rows of the causal triangle first, so that the last tasks are short.
                Queries(
                    batch,
                    h,
                    (queryBlocks - 1 - block) * Block,
                    packed + (batch * sizes.KeyValueHeads + h / sizes.Group) * blocks.HeadBytes,
                    scratch
                );
            }
            strips.End();
        }

        private void KeyValueHead(int batch, int kv, int queryBlocks, byte* scratch)
        {
            byte* head = scratch + ScratchBytes();
            for (int block = 0; block < blocks.Count; block++)
            {
                packer.Pack(batch, kv, block, scratch, head + block * blocks.BlockBytes);
            }
            for (int h = kv * sizes.Group; h < (kv + 1) * sizes.Group; h++)
            {
                for (int block = 0; block < queryBlocks; block++)
                {
                    if (h == kv * sizes.Group && block < blocks.Count)
                    {
                        packer.PrefetchNext(batch, kv, block);
                    }
                    Queries(batch, h, block * Block, head, scratch);
                }
            }
        }

        private void Queries(int batch, int h, int query, byte* head, byte* scratch)
        {
            int rows = Math.Min(Block, sizes.Queries - query),
                past = sizes.Keys - sizes.Queries;
            int sumFloats = strips.PaddedRows(sizes.ValueDim) * Width;
            ScratchParts parts = new(scratch);
            byte* gathered = parts.Bytes(strips.GatheredBytes(sizes.HeadDim));
            float* scores = parts.Floats(Block * Width);
            byte* probabilities = parts.Bytes(strips.RightBytes(Block));
            nint strideQ = (nint)sizes.Heads * sizes.HeadDim,
                strideO = (nint)sizes.Heads * sizes.ValueDim;
            nint first = (nint)batch * sizes.Queries + query;
            float* tokens = q + first * strideQ + h * sizes.HeadDim;
            strips.Gather(tokens, strideQ, rows, sizes.HeadDim, gathered);
            Strips.Prefetch(tokens + Block * strideQ, strideQ, Math.Min(Block, sizes.Queries - query - rows), sizes.HeadDim);
            Strips.Prefetch(o + first * strideO + h * sizes.ValueDim, strideO, rows, sizes.ValueDim);
            int count = (rows + Width - 1) / Width;
            QueryStrip* queries = (QueryStrip*)parts.Bytes(sizeof(QueryStrip) * (long)(Block / Width));
            int low = int.MaxValue,
                high = 0;
            for (int i = 0; i < count; i++)
            {
                QueryStrip* strip = queries + i;
                int n = Math.Min(Width, rows - i * Width);
                strip->Begin(
                    sizes,
                    starts == null ? null : starts + first + i * Width,
                    past + query + i * Width,
                    n,
                    sinks == null ? null : sinks + h
                );
                strip->Queries = parts.Bytes(strips.RightBytes(sizes.HeadDim));
                strip->Sums = parts.Floats(sumFloats);
                strips.RightTokens(gathered, i, sizes.HeadDim, strip->Queries);
                (low, high) = (Math.Min(low, strip->Low), Math.Max(high, strip->High));
            }
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
                StripRows.StoreTransposed(
                    strip->Sums,
                    sizes.ValueDim,
                    n,
                    o + (first + i * Width) * strideO + h * sizes.ValueDim,
                    strideO,
                    accumulate: false
                );
            }
        }

        /// <summary>A strip of queries and a block of keys.</summary>
        private void Attend(QueryStrip* strip, int key, byte* keys, float* scores, byte* probabilities)
        {
            int begin = 0,
                end = Block;
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
            if (sizes.SoftCap > 0)
            {
                StripRows.SoftCap(scores, begin, end, sizes.Scale, sizes.SoftCap);
            }
            strip->Mask(scores, key, begin, end);
            strip->Raise(scores, begin, end, sizes.Scale * Lanes.Log2E, sizes.ValueDim);
            strip->Exponentials(scores, begin, end, sizes.Scale * Lanes.Log2E, strips.Pairs ? (uint*)probabilities : null);
            byte* right = strips.Pairs ? probabilities : strips.Right(scores, begin, end, probabilities);
            strips.Multiply(keys + blocks.KeyBytes, 0, sizes.ValueDim, right, Block, begin, end, strip->Sums, accumulate: strip->Started);
            strip->Started = true;
        }

        private long ScratchBytes() =>
            blocks.GatheredBytes
            + sizeof(float) * Block * Width
            + Align(strips.RightBytes(Block))
            + Align(sizeof(QueryStrip) * (long)(Block / Width))
            + Block / Width * (Align(strips.RightBytes(sizes.HeadDim)) + sizeof(float) * strips.PaddedRows(sizes.ValueDim) * (long)Width);
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
