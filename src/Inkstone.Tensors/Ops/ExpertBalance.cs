namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// How much the router prefers busy experts: each expert's share of the scores times its load. Families scale the load so that the sum
    /// is their
    /// balance loss: over the whole batch (Switch Transformers, arXiv:2101.03961) or sequence by sequence (DeepSeek-V3, arXiv:2412.19437,
    /// equation 17).
    /// </summary>
    /// <remarks><code>
    /// forward   L    = Σ_t Σ_e f_g(t),e · p_te        p_te = s_te / Σ s_t
    /// backward  ds_te = dL · (f_g(t),e − Σ f_g(t) · p_t) / Σ s_t
    /// </code></remarks>
    /// <param name="scores">[N, E], positive</param>
    /// <param name="load">[G, E]: f of each group of N / G tokens that follow each other; no gradient reaches it</param>
    /// <param name="mask">int32, N of them: 0 for tokens (padding) that are left out of the sum; or null</param>
    /// <returns>[1]</returns>
    public static Tensor ExpertBalance(Tensor scores, Tensor load, Tensor? mask = null)
    {
        Check.Last(load, scores.Shape.Last, nameof(load));
        if (load.Shape.Rows == 0 || scores.Shape.Rows % load.Shape.Rows != 0)
        {
            throw new ArgumentException($"{scores.Shape.Rows} tokens cannot be cut into {load.Shape.Rows} equal groups", nameof(load));
        }
        if (mask is not null)
        {
            Check.Count(mask, scores.Shape.Rows);
        }
        Tensor loss = scores.Device.Rent(new Shape(1));
        ExpertBalanceKernels.Forward(scores, load, mask, loss);
        if (scores.Device.Tape.Wants(scores))
        {
            scores.Device.Tape.Record<ExpertBalanceNode>(loss).Set(scores, load, mask);
        }
        return loss;
    }

    /// <summary>Adds to <paramref name="counts"/> how many tokens chose each expert, by groups of N / G tokens; those that go nowhere are
    /// not counted. Not recorded.</summary>
    /// <param name="routing">the choices of N tokens</param>
    /// <param name="counts">[G, E]</param>
    public static void CountExperts(ExpertRouting routing, Tensor counts)
    {
        ReadOnlySpan<int> experts = routing.Experts.Ints;
        Span<float> sums = counts.Span;
        int width = counts.Shape.Last,
            groupPairs = experts.Length / counts.Shape.Rows;
        for (int i = 0; i < experts.Length; i++)
        {
            if (experts[i] >= 0)
            {
                sums[i / groupPairs * width + experts[i]]++;
            }
        }
    }

    private sealed class ExpertBalanceNode : Node
    {
        private Tensor _scores = null!,
            _load = null!;
        private Tensor? _mask;

        public void Set(Tensor scores, Tensor load, Tensor? mask) => (_scores, _load, _mask) = (scores, load, mask);

        internal override void Backward() => ExpertBalanceKernels.Backward(OutputGrad.Item(), _scores, _load, _mask);

        internal override void Release() => (_scores, _load, _mask) = (null!, null!, null);
    }
}
