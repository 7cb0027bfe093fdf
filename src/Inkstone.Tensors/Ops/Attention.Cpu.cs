namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <see cref="Ops.Attention"/>. T: queries, S: keys, D: head dim, Dv: value dim; a tile is <see cref="LocalPanels.Block"/> queries by as many keys.
/// </summary>
internal static unsafe partial class AttentionKernels
{
    private const int Block = LocalPanels.Block;

    /// <summary>With at most this many queries keys are read in place instead of packed.</summary>
    private const int FewQueries = 4;

    public static void Forward(AttentionSizes sizes, Tensor q, Tensor k, Tensor v, Tensor? documentStarts, Tensor o, Tensor lse)
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("attention.forward", flops: 2 * sizes.ProductFlops);
        int* starts = documentStarts is null ? null : documentStarts.I32;
        if (sizes.Queries <= FewQueries)
        {
            device.Run(new FewQueriesKernel(sizes, q.F32, k.F32, v.F32, starts, o.F32, lse.F32, device.Workers), sizes.Batch * sizes.KeyValueHeads, 1);
            return;
        }
        LocalPanels panels = new(device.MatMulKernel);
        KeyBlocks blocks = new(panels, sizes);
        Tensor packed = device.Rent(new Shape(checked((int)(sizes.Batch * sizes.KeyValueHeads * blocks.HeadBytes / sizeof(float) + 1))));
        device.Run(new PackKernel(sizes, panels, blocks, k.F32, v.F32, packed.Pointer), sizes.Batch * sizes.KeyValueHeads * blocks.Count, 1);
        int queryBlocks = (sizes.Queries + Block - 1) / Block;
        device.Run(new ForwardKernel(sizes, panels, blocks, q.F32, packed.Pointer, starts, o.F32, lse.F32, device.Workers),
            sizes.Batch * sizes.Heads * queryBlocks, 1);
        packed.Release();
    }

    /// <summary>Where the packed keys and values of each block of keys lie: Kᵀ [D, keys] then V [keys, Dv], head after head.</summary>
    private readonly struct KeyBlocks(LocalPanels panels, AttentionSizes sizes)
    {
        public readonly int Count = (sizes.Keys + Block - 1) / Block;
        public readonly long KeyBytes = panels.RightBytes(Block, sizes.HeadDim);
        public readonly long BlockBytes = panels.RightBytes(Block, sizes.HeadDim) + panels.RightBytes(sizes.ValueDim, Block);

        public long HeadBytes => Count * BlockBytes;
    }

    /// <summary>Packs one block of keys and values of one key-value head.</summary>
    private readonly struct PackKernel(AttentionSizes sizes, LocalPanels panels, KeyBlocks blocks, float* k, float* v, byte* packed) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int item = start; item < end; item++)
            {
                (int head, int block) = Math.DivRem(item, blocks.Count);
                (int batch, int kv) = Math.DivRem(head, sizes.KeyValueHeads);
                int key = block * Block, count = Math.Min(Block, sizes.Keys - key);
                nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim, strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
                nint row = (nint)batch * sizes.Keys + key;
                byte* target = packed + item * blocks.BlockBytes;
                panels.Right(MatrixView.Rows(k + row * strideK + kv * sizes.HeadDim, strideK).T, count, sizes.HeadDim, target);
                panels.Right(MatrixView.Rows(v + row * strideV + kv * sizes.ValueDim, strideV), sizes.ValueDim, count, target + blocks.KeyBytes);
            }
        }
    }

    /// <summary>One block of queries of one head.</summary>
    private readonly struct ForwardKernel(AttentionSizes sizes, LocalPanels panels, KeyBlocks blocks, float* q, byte* packed,
        int* starts, float* o, float* lse, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int queryBlocks = (sizes.Queries + Block - 1) / Block;
            panels.Begin();
            for (int item = start; item < end; item++)
            {
                (int head, int block) = Math.DivRem(item, queryBlocks);
                (int batch, int h) = Math.DivRem(head, sizes.Heads);
                // Long rows of the causal triangle first, so that the last tasks are short.
                Queries(batch, h, (queryBlocks - 1 - block) * Block, worker);
            }
            panels.End();
        }

        private void Queries(int batch, int h, int query, int worker)
        {
            int rows = Math.Min(Block, sizes.Queries - query), past = sizes.Keys - sizes.Queries;
            int columns = panels.PaddedColumns(sizes.ValueDim);
            long leftBytes = panels.LeftBytes(sizes.HeadDim), scoreBytes = panels.LeftBytes(Block);
            byte* scratch = workers.Scratch(worker, leftBytes + scoreBytes + sizeof(float) * (Block * Block + Block * columns + 2L * Block) + 1024);
            byte* left = scratch, packedP = left + Align(leftBytes);
            float* scores = (float*)(packedP + Align(scoreBytes)), sums = scores + Block * Block, max = sums + Block * columns, total = max + Block;
            new Span<float>(max, Block).Fill(float.NegativeInfinity);
            new Span<float>(total, Block).Clear();
            new Span<float>(sums, Block * columns).Clear();

            nint strideQ = (nint)sizes.Heads * sizes.HeadDim;
            panels.Left(MatrixView.Rows(q + ((nint)batch * sizes.Queries + query) * strideQ + h * sizes.HeadDim, strideQ), rows, sizes.HeadDim, local: false, left);
            int* rowStarts = starts == null ? null : starts + (nint)batch * sizes.Queries + query;
            int firstKey = sizes.FirstKey(rowStarts == null ? 0 : rowStarts[0], past + query), lastKey = past + query + rows;
            byte* head = packed + (batch * sizes.KeyValueHeads + h / sizes.Group) * blocks.HeadBytes;
            for (int key = firstKey / Block * Block; key < lastKey; key += Block)
            {
                int count = Math.Min(Block, sizes.Keys - key);
                byte* right = head + key / Block * blocks.BlockBytes;
                panels.Multiply(left, rows, right, count, sizes.HeadDim, scores, Block, accumulate: false);
                for (int i = 0; i < rows; i++)
                {
                    int low = Math.Max(0, sizes.FirstKey(rowStarts == null ? 0 : rowStarts[i], past + query + i) - key), high = Math.Min(count, past + query + i + 1 - key);
                    SoftmaxRow(scores + i * Block, low, high, count, max + i, total + i, sums + i * columns, columns);
                }
                panels.Left(MatrixView.Rows(scores, Block), rows, count, local: true, packedP);
                panels.Multiply(packedP, rows, right + blocks.KeyBytes, sizes.ValueDim, count, sums, columns, accumulate: true);
            }
            nint strideO = (nint)sizes.Heads * sizes.ValueDim;
            for (int i = 0; i < rows; i++)
            {
                float* target = o + ((nint)batch * sizes.Queries + query + i) * strideO + h * sizes.ValueDim;
                Lanes.Scale(target, sums + i * columns, 1 / total[i], sizes.ValueDim);
                lse[((nint)batch * sizes.Heads + h) * sizes.Queries + query + i] = max[i] + MathF.Log(total[i]);
            }
        }

        /// <summary>Scores [low, high) become exp(scale · s − max); what was summed before is rescaled when the maximum grows.</summary>
        private void SoftmaxRow(float* s, int low, int high, int count, float* max, float* total, float* sums, int columns)
        {
            int end = (count + 15) / 16 * 16;
            if (high <= low)
            {
                new Span<float>(s, end).Clear();
                return;
            }
            new Span<float>(s, low).Clear();
            new Span<float>(s + high, end - high).Clear();
            float largest = Lanes.Max(s + low, high - low) * sizes.Scale;
            if (largest > *max)
            {
                float factor = MathF.Exp(*max - largest);
                Lanes.Scale(sums, sums, factor, columns);
                *total *= factor;
                *max = largest;
            }
            *total += Lanes.ExpSumScaled(s + low, sizes.Scale, *max, high - low);
        }
    }

    private static long Align(long bytes) => (bytes + 63) / 64 * 64;

    /// <summary>Decoding: a few queries against many keys, read in place; bound by memory.</summary>
    private readonly struct FewQueriesKernel(AttentionSizes sizes, float* q, float* k, float* v, int* starts, float* o, float* lse, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* scores = (float*)workers.Scratch(worker, sizeof(float) * (sizes.Keys + 16L));
            nint strideQ = (nint)sizes.Heads * sizes.HeadDim, strideO = (nint)sizes.Heads * sizes.ValueDim;
            nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim, strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
            for (int item = start; item < end; item++)
            {
                (int batch, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                float* keys = k + (nint)batch * sizes.Keys * strideK + kv * sizes.HeadDim, values = v + (nint)batch * sizes.Keys * strideV + kv * sizes.ValueDim;
                for (int t = 0; t < sizes.Queries; t++)
                {
                    nint row = (nint)batch * sizes.Queries + t;
                    int high = sizes.Keys - sizes.Queries + t + 1, low = sizes.FirstKey(starts == null ? 0 : starts[row], high - 1);
                    for (int h = kv * sizes.Group; h < (kv + 1) * sizes.Group; h++)
                    {
                        float* query = q + row * strideQ + h * sizes.HeadDim, target = o + row * strideO + h * sizes.ValueDim;
                        for (int s = low; s < high; s++)
                        {
                            scores[s - low] = Lanes.Dot(query, keys + s * strideK, sizes.HeadDim) * sizes.Scale;
                        }
                        float max = Lanes.Max(scores, high - low), total = Lanes.ExpSum(scores, scores, max, high - low);
                        new Span<float>(target, sizes.ValueDim).Clear();
                        for (int s = low; s < high; s++)
                        {
                            Lanes.AddScaled(target, values + s * strideV, scores[s - low] / total, sizes.ValueDim);
                        }
                        lse[((nint)batch * sizes.Heads + h) * sizes.Queries + t] = max + MathF.Log(total);
                    }
                }
            }
        }
    }
}
