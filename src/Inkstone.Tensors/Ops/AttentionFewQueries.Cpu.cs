namespace Inkstone.Tensors;

internal static unsafe partial class AttentionKernels
{
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
                        lse[((nint)batch * sizes.Heads + h) * sizes.Queries + t] = (max + MathF.Log(total)) * Lanes.Log2E;
                    }
                }
            }
        }
    }
}
