namespace Inkstone.Tensors;

internal static unsafe partial class AttentionKernels
{
    /// <summary>Decoding: a few queries against many keys, read in place; bound by memory. Rows of keys and values are read once, in order, for all heads of a task.</summary>
    private readonly struct FewQueriesKernel(AttentionSizes sizes, float* q, float* k, float* v, int* starts, float* o, float* lse, Workers workers) : IRangeKernel
    {
        /// <summary>Key-value heads of a task: neighbours of one batch entry, so that what a task reads of a row is long, and enough tasks for all threads.</summary>
        public static int Grain(AttentionSizes sizes, int threads) => Math.Clamp(sizes.Batch * sizes.KeyValueHeads / (2 * threads), 1, sizes.KeyValueHeads);

        public void Run(int start, int end, int worker)
        {
            float* scores = (float*)workers.Scratch(worker, sizeof(float) * (Math.Min(end - start, sizes.KeyValueHeads) * sizes.Group * (long)ScoreStride(sizes)));
            for (int item = start, next; item < end; item = next)
            {
                (int batch, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                next = Math.Min(end, (batch + 1) * sizes.KeyValueHeads);
                for (int t = 0; t < sizes.Queries; t++)
                {
                    Query(batch, t, kv, kv + next - item, scores);
                }
            }
        }

        /// <summary>One query of the heads that belong to some key-value heads.</summary>
        private void Query(int batch, int t, int kvBegin, int kvEnd, float* scores)
        {
            nint row = (nint)batch * sizes.Queries + t, stride = ScoreStride(sizes);
            int headDim = sizes.HeadDim, valueDim = sizes.ValueDim, group = sizes.Group, begin = kvBegin * group, heads = (kvEnd - kvBegin) * group;
            int high = sizes.Keys - sizes.Queries + t + 1, low = sizes.FirstKey(starts == null ? 0 : starts[row], high - 1), count = high - low;
            float* query = q + (row * sizes.Heads + begin) * headDim, target = o + (row * sizes.Heads + begin) * valueDim;
            nint first = ((nint)batch * sizes.Keys + low) * sizes.KeyValueHeads + kvBegin;
            for (int s = 0; s < count; s++)
            {
                float* key = k + (first + (nint)s * sizes.KeyValueHeads) * headDim;
                for (int h = 0; h < heads; key += headDim)
                {
                    for (int end = h + group; h < end; h++)
                    {
                        scores[h * stride + s] = Lanes.Dot(query + h * headDim, key, headDim) * sizes.Scale;
                    }
                }
            }
            for (int h = 0; h < heads; h++)
            {
                float* p = scores + h * stride;
                float max = Lanes.Max(p, count), total = Lanes.ExpSum(p, p, max, count);
                for (int s = 0; s < count; s++)
                {
                    p[s] /= total;
                }
                lse[((nint)batch * sizes.Heads + begin + h) * sizes.Queries + t] = (max + MathF.Log(total)) * Lanes.Log2E;
            }
            new Span<float>(target, heads * valueDim).Clear();
            for (int s = 0; s < count; s++)
            {
                float* value = v + (first + (nint)s * sizes.KeyValueHeads) * valueDim;
                for (int h = 0; h < heads; value += valueDim)
                {
                    for (int end = h + group; h < end; h++)
                    {
                        Lanes.AddScaled(target + h * valueDim, value, scores[h * stride + s], valueDim);
                    }
                }
            }
        }

        /// <summary>Heads' scores of one key must not share a cache set.</summary>
        private static nint ScoreStride(AttentionSizes sizes) => sizes.Keys + 16;
    }
}
