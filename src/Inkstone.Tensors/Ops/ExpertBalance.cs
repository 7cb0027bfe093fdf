namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// How much the router prefers busy experts: each expert's share of the scores times its load. Families scale the load so that the sum is their
    /// balance loss: over the whole batch (Switch Transformers, arXiv:2101.03961) or sequence by sequence (DeepSeek-V3, arXiv:2412.19437, equation 17).
    /// </summary>
    /// <remarks><code>
    /// forward   L    = Σ_t Σ_e f_g(t),e · p_te        p_te = s_te / Σ s_t
    /// backward  ds_te = dL · (f_g(t),e − Σ f_g(t) · p_t) / Σ s_t
    /// </code></remarks>
    /// <param name="scores">[N, E], positive</param>
    /// <param name="load">[G, E]: f of each group of N / G tokens that follow each other; no gradient reaches it</param>
    /// <returns>[1]</returns>
    public static Tensor ExpertBalance(Tensor scores, Tensor load)
    {
        Check.Last(load, scores.Shape.Last, nameof(load));
        if (load.Shape.Rows == 0 || scores.Shape.Rows % load.Shape.Rows != 0)
        {
            throw new ArgumentException($"{scores.Shape.Rows} tokens cannot be cut into {load.Shape.Rows} equal groups", nameof(load));
        }
        Tensor loss = scores.Device.Rent(new Shape(1));
        ExpertBalanceKernels.Forward(scores, load, loss);
        if (scores.Device.Tape.Wants(scores))
        {
            scores.Device.Tape.Record<ExpertBalanceNode>(loss).Set(scores, load);
        }
        return loss;
    }

    /// <summary>Adds to <paramref name="counts"/> how many tokens chose each expert, by groups of N / G tokens. Not recorded.</summary>
    /// <param name="routing">the choices of N tokens</param>
    /// <param name="counts">[G, E]</param>
    public static void CountExperts(ExpertRouting routing, Tensor counts)
    {
        ReadOnlySpan<int> experts = routing.Experts.Ints;
        Span<float> sums = counts.Span;
        int width = counts.Shape.Last, groupPairs = experts.Length / counts.Shape.Rows;
        for (int i = 0; i < experts.Length; i++)
        {
            sums[i / groupPairs * width + experts[i]]++;
        }
    }

    private sealed class ExpertBalanceNode : Node
    {
        private Tensor _scores = null!, _load = null!;

        public void Set(Tensor scores, Tensor load) => (_scores, _load) = (scores, load);

        internal override void Backward() => ExpertBalanceKernels.Backward(OutputGrad.Item(), _scores, _load);

        internal override void Release() => (_scores, _load) = (null!, null!);
    }
}
