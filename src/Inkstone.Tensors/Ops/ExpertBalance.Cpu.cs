namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.ExpertBalance"/>.</summary>
internal static unsafe class ExpertBalanceKernels
{
    private const int Grain = 256;

    /// <summary>One term per token, added in order in double precision.</summary>
    public static void Forward(Tensor scores, Tensor load, Tensor? mask, Tensor loss)
    {
        using Profile.Scope _ = scores.Device.Measure("expert_balance.forward", bytes: 4.0 * scores.Count);
        int tokens = scores.Shape.Rows,
            experts = scores.Shape.Last;
        float* s = scores.F32;
        double total = 0;
        int* m = mask is null ? null : mask.I32;
        for (int token = 0; token < tokens; token++)
        {
            if (m != null && m[token] == 0)
            {
                continue;
            }
            float* row = s + (long)token * experts;
            total += Lanes.Dot(row, Load(load, tokens, token), experts) / (double)Lanes.Sum(row, experts);
        }
        loss.F32[0] = (float)total;
    }

    public static void Backward(float gradient, Tensor scores, Tensor load, Tensor? mask)
    {
        using Profile.Scope _ = scores.Device.Measure("expert_balance.backward", bytes: 8.0 * scores.Count);
        float* ds = scores.AddGrad(out bool accumulate).F32;
        scores.Device.Run(
            new BackwardKernel(
                gradient,
                scores.F32,
                load.F32,
                mask is null ? null : mask.I32,
                scores.Shape.Rows / load.Shape.Rows,
                ds,
                scores.Shape.Last,
                accumulate
            ),
            scores.Shape.Rows,
            Grain
        );
    }

    private static float* Load(Tensor load, int tokens, int token) =>
        load.F32 + (long)(token / (tokens / load.Shape.Rows)) * load.Shape.Last;

    private readonly struct BackwardKernel(
        float gradient,
        float* scores,
        float* load,
        int* mask,
        int groupTokens,
        float* ds,
        int experts,
        bool accumulate
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                float* s = scores + (long)token * experts,
                    d = ds + (long)token * experts,
                    f = load + (long)(token / groupTokens) * experts;
                if (mask != null && mask[token] == 0)
                {
                    if (!accumulate)
                    {
                        new Span<float>(d, experts).Clear();
                    }
                    continue;
                }
                float sum = Lanes.Sum(s, experts),
                    mean = Lanes.Dot(s, f, experts) / sum,
                    scale = gradient / sum;
                for (int e = 0; e < experts; e++)
                {
                    float g = scale * (f[e] - mean);
                    d[e] = accumulate ? d[e] + g : g;
                }
            }
        }
    }
}
