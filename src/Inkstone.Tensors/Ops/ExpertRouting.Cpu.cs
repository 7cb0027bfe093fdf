namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.RouteExperts"/>.</summary>
internal static unsafe class ExpertRoutingKernels
{
    private const int Grain = 64;

    public static void Choose(Tensor scores, Tensor? bias, RoutingRule rule, Tensor? mask, ExpertRouting routing)
    {
        using Profile.Scope _ = scores.Device.Measure("route_experts.forward", bytes: 4.0 * scores.Count);
        scores.Device.Run(
            new ChooseKernel(
                scores.F32,
                bias is null ? null : bias.F32,
                mask is null ? null : mask.I32,
                scores.Shape.Last,
                rule,
                routing.Weights.F32,
                routing.Experts.I32,
                scores.Device.Workers
            ),
            scores.Shape.Rows,
            Grain
        );
    }

    /// <summary>Experts by the tokens' ids.</summary>
    public static void Look(Tensor scores, Tensor table, Tensor ids, RoutingRule rule, Tensor? mask, ExpertRouting routing)
    {
        int experts = scores.Shape.Last;
        for (int token = 0; token < ids.Count; token++)
        {
            ReadOnlySpan<int> named = table.Ints.Slice(ids.Ints[token] * rule.TopK, rule.TopK);
            Span<int> chosen = routing.Experts.Ints.Slice(token * rule.TopK, rule.TopK);
            Span<float> weights = routing.Weights.Span.Slice(token * rule.TopK, rule.TopK);
            if (mask is not null && mask.Ints[token] == 0)
            {
                chosen.Fill(-1);
                weights.Clear();
                continue;
            }
            float sum = 1e-20f;
            for (int j = 0; j < rule.TopK; j++)
            {
                if ((uint)named[j] >= (uint)experts)
                {
                    throw new ArgumentException($"token id {ids.Ints[token]} goes to expert {named[j]} of {experts}", nameof(table));
                }
                chosen[j] = named[j];
                weights[j] = scores.Span[token * experts + named[j]];
                sum += weights[j];
            }
            float scale = rule.Normalise ? rule.Scale / sum : rule.Scale;
            for (int j = 0; j < rule.TopK; j++)
            {
                weights[j] *= scale;
            }
        }
    }

    /// <summary>Counting sort by expert, tokens ascending: a few thousand pairs, done by one thread.</summary>
    public static void Sort(ExpertRouting routing)
    {
        using Profile.Scope _ = routing.Experts.Device.Measure("sort_by_expert", bytes: 12.0 * routing.Experts.Count);
        ReadOnlySpan<int> experts = routing.Experts.Ints;
        Span<int> slots = routing.Slots.Ints,
            offsets = routing.Offsets.Ints;
        offsets.Clear();
        foreach (int expert in experts)
        {
            if (expert >= 0)
            {
                offsets[expert + 1]++;
            }
        }
        for (int e = 1; e < offsets.Length; e++)
        {
            offsets[e] += offsets[e - 1];
        }
        for (int i = 0; i < experts.Length; i++)
        {
            slots[i] = experts[i] < 0 ? -1 : offsets[experts[i]]++;
        }
        offsets[..^1].CopyTo(offsets[1..]); // each has moved on to the start of the next
        offsets[0] = 0;
    }

    public static void Backward(Tensor dw, Tensor scores, RoutingRule rule, ExpertRouting routing)
    {
        using Profile.Scope _ = scores.Device.Measure("route_experts.backward", bytes: 8.0 * scores.Count);
        float* ds = scores.AddGrad(out bool accumulate).F32;
        scores.Device.Run(
            new BackwardKernel(dw.F32, scores.F32, routing.Experts.I32, ds, scores.Shape.Last, rule, accumulate),
            scores.Shape.Rows,
            Grain
        );
    }

    private readonly struct ChooseKernel(
        float* scores,
        float* bias,
        int* mask,
        int experts,
        RoutingRule rule,
        float* weights,
        int* chosen,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* choice = (float*)workers.Scratch(worker, sizeof(float) * (experts + 2L * rule.Groups)),
                groups = choice + experts,
                kept = groups + rule.Groups;
            for (int token = start; token < end; token++)
            {
                float* s = scores + (long)token * experts,
                    w = weights + (long)token * rule.TopK;
                int* c = chosen + (long)token * rule.TopK;
                if (mask != null && mask[token] == 0)
                {
                    new Span<int>(c, rule.TopK).Fill(-1);
                    new Span<float>(w, rule.TopK).Clear();
                    continue;
                }
                for (int e = 0; e < experts; e++)
                {
                    choice[e] = bias == null ? s[e] : s[e] + bias[e];
                }
                if (rule.TopKGroups < rule.Groups)
                {
                    KeepBestGroups(choice, groups, kept);
                }
                float sum = 0;
                for (int j = 0; j < rule.TopK; j++)
                {
                    c[j] = TakeLargest(choice, experts);
                    w[j] = s[c[j]];
                    sum += w[j];
                }
                float scale = rule.Normalise ? rule.Scale / (sum + 1e-20f) : rule.Scale;
                for (int j = 0; j < rule.TopK; j++)
                {
                    w[j] *= scale;
                }
            }
        }

        private void KeepBestGroups(float* choice, float* groups, float* kept)
        {
            int size = experts / rule.Groups;
            for (int g = 0; g < rule.Groups; g++)
            {
                float first = float.NegativeInfinity,
                    second = float.NegativeInfinity;
                for (int e = g * size; e < (g + 1) * size; e++)
                {
                    (first, second) = choice[e] > first ? (choice[e], first) : (first, Math.Max(second, choice[e]));
                }
                groups[g] = size == 1 || rule.GroupByBest ? first : first + second;
            }
            new Span<float>(kept, rule.Groups).Clear();
            for (int i = 0; i < rule.TopKGroups; i++)
            {
                kept[TakeLargest(groups, rule.Groups)] = 1;
            }
            for (int g = 0; g < rule.Groups; g++)
            {
                if (kept[g] == 0)
                {
                    new Span<float>(choice + g * size, size).Fill(float.NegativeInfinity);
                }
            }
        }
    }

    /// <summary>Index of the largest of <paramref name="values"/>, the first of equals, which is then out of the race.</summary>
    private static int TakeLargest(float* values, int count)
    {
        int best = 0;
        for (int i = 1; i < count; i++)
        {
            best = values[i] > values[best] || float.IsNaN(values[best]) ? i : best;
        }
        values[best] = float.NegativeInfinity;
        return best;
    }

    private readonly struct BackwardKernel(float* dw, float* scores, int* chosen, float* ds, int experts, RoutingRule rule, bool accumulate)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                float* s = scores + (long)token * experts,
                    d = ds + (long)token * experts,
                    dwt = dw + (long)token * rule.TopK;
                int* c = chosen + (long)token * rule.TopK;
                if (!accumulate)
                {
                    new Span<float>(d, experts).Clear();
                }
                if (c[0] < 0)
                {
                    continue;
                }
                float sum = 1e-20f,
                    dot = 0;
                for (int j = 0; j < rule.TopK; j++)
                {
                    sum += s[c[j]];
                    dot += dwt[j] * s[c[j]];
                }
                for (int j = 0; j < rule.TopK; j++)
                {
                    d[c[j]] += rule.Normalise ? rule.Scale * (dwt[j] - dot / sum) / sum : rule.Scale * dwt[j];
                }
            }
        }
    }
}
