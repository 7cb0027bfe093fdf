namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Causal convolution of each channel by itself over the last few tokens, then SiLU (arXiv:2312.00752, section 3.4). A document's first tokens see zeros before it.</summary>
    /// <remarks><code>
    /// forward   p_t = Σ_j w_j ∘ x_(t−j), j = 0..K−1        y = silu(p)
    /// backward  dp  = dy ∘ silu′(p)        dx_t = Σ_j w_j ∘ dp_(t+j)        dw_j = Σ_t dp_t ∘ x_(t−j)
    /// </code></remarks>
    /// <param name="x">[B, T, C]</param>
    /// <param name="weight">[C, 1, K]; the last column weighs the token itself</param>
    /// <param name="documentStarts">int32 [B, T]: index in the row of the first token of each token's document; null when rows are one document</param>
    /// <param name="history">[B, K − 1, C]: the inputs before the first, replaced by the last ones; null: zeros. Without a backward pass.</param>
    public static Tensor CausalConv(Tensor x, Tensor weight, Tensor? documentStarts = null, Tensor? history = null)
    {
        Device device = x.Device;
        if (x.Shape.Rank != 3 || weight.Shape.Rank != 3 || weight.Shape[1] != 1 || weight.Shape[0] != x.Shape.Last)
        {
            throw new ArgumentException($"a convolution of {x.Shape} needs a weight of [{x.Shape.Last}, 1, K], got {weight.Shape}", nameof(weight));
        }
        bool wanted = device.Tape.Wants(x, weight);
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, x.Shape.Rows);
        }
        if (history is not null)
        {
            Check.Count(history, (long)x.Shape[0] * (weight.Shape.Last - 1) * x.Shape.Last);
            if (wanted || documentStarts is not null)
            {
                throw new ArgumentException("a convolution that goes on from earlier tokens has no backward pass and no documents", nameof(history));
            }
        }
        Tensor y = device.Rent(x.Shape);
        CausalConvKernels.Forward(x, weight, documentStarts, history, y);
        if (wanted)
        {
            device.Tape.Record<CausalConvNode>(y).Set(x, weight, documentStarts);
        }
        return y;
    }

    private sealed class CausalConvNode : Node
    {
        private Tensor _x = null!, _weight = null!;
        private Tensor? _documentStarts;

        public void Set(Tensor x, Tensor weight, Tensor? documentStarts) => (_x, _weight, _documentStarts) = (x, weight, documentStarts);

        internal override void Backward() => CausalConvKernels.Backward(OutputGrad, _x, _weight, _documentStarts);

        internal override void Release() => (_x, _weight, _documentStarts) = (null!, null!, null);
    }
}
