namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Causal convolution of each channel by itself over the last few tokens, then SiLU (arXiv:2312.00752, section 3.4) or
    /// nothing. A document's first tokens see zeros before it.</summary>
    /// <remarks><code>
    /// forward   p_t = b + Σ_j w_j ∘ x_(t−d·j), j = 0..K−1        y = silu(p)
    /// backward  dp  = dy ∘ silu′(p)        dx_t = Σ_j w_j ∘ dp_(t+d·j)        dw_j = Σ_t dp_t ∘ x_(t−d·j)        db = Σ_t dp_t
    /// </code></remarks>
    /// <param name="x">[B, T, C]</param>
    /// <param name="weight">[C, 1, K]; the last column weighs the token itself</param>
    /// <param name="documentStarts">int32 [B, T]: index in the row of the first token of each token's document; null when rows are one
    /// document</param>
    /// <param name="bias">b, [C]; null: none</param>
    /// <param name="silu">false: y = p</param>
    /// <param name="dilation">d, tokens from one that is seen to the next</param>
    public static Tensor CausalConv(
        Tensor x,
        Tensor weight,
        Tensor? documentStarts = null,
        Tensor? bias = null,
        bool silu = true,
        int dilation = 1
    )
    {
        Device device = x.Device;
        CheckConvolution(x, weight, bias, dilation);
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, x.Shape.Rows);
        }
        Tensor y = device.Rent(x.Shape);
        CausalConvKernels.Forward(x, weight, documentStarts, bias, silu, dilation, y);
        if (device.Tape.Wants(x, weight, bias ?? x))
        {
            device.Tape.Record<CausalConvNode>(y).Set(x, weight, documentStarts, bias, silu, dilation);
        }
        return y;
    }

    /// <summary>The same for sequences that go on from earlier tokens. Not recorded.</summary>
    /// <param name="x">[1, ΣT, C]</param>
    /// <param name="weight">[C, 1, K]</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="history">[slots, d·(K − 1), C]: of each sequence the inputs before its first, replaced by its last ones</param>
    /// <param name="bias">b, [C]; null: none</param>
    /// <param name="silu">false: y = p</param>
    /// <param name="dilation">d</param>
    public static Tensor CausalConv(
        Tensor x,
        Tensor weight,
        RaggedRows rows,
        Tensor history,
        Tensor? bias = null,
        bool silu = true,
        int dilation = 1
    )
    {
        CheckConvolution(x, weight, bias, dilation);
        if (x.Device.Tape.Wants(x, weight, bias ?? x))
        {
            throw new ArgumentException("a convolution that goes on from earlier tokens has no backward pass", nameof(history));
        }
        rows.Check(x.Shape.Rows);
        rows.CheckSlots(history, (long)dilation * (weight.Shape.Last - 1) * x.Shape.Last);
        Tensor y = x.Device.Rent(x.Shape);
        CausalConvKernels.Continue(x, weight, rows, history, bias, silu, dilation, y);
        return y;
    }

    private static void CheckConvolution(Tensor x, Tensor weight, Tensor? bias, int dilation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dilation, 1);
        if (bias is not null)
        {
            Check.Count(bias, x.Shape.Last);
        }
        if (x.Shape.Rank != 3 || weight.Shape.Rank != 3 || weight.Shape[1] != 1 || weight.Shape[0] != x.Shape.Last)
        {
            throw new ArgumentException(
                $"a convolution of {x.Shape} needs a weight of [{x.Shape.Last}, 1, K], got {weight.Shape}",
                nameof(weight)
            );
        }
    }

    private sealed class CausalConvNode : Node
    {
        private Tensor _x = null!,
            _weight = null!;
        private Tensor? _documentStarts,
            _bias;
        private bool _silu;
        private int _dilation;

        public void Set(Tensor x, Tensor weight, Tensor? documentStarts, Tensor? bias, bool silu, int dilation) =>
            (_x, _weight, _documentStarts, _bias, _silu, _dilation) = (x, weight, documentStarts, bias, silu, dilation);

        internal override void Backward() => CausalConvKernels.Backward(OutputGrad, _x, _weight, _documentStarts, _bias, _silu, _dilation);

        internal override void Release() => (_x, _weight, _documentStarts, _bias) = (null!, null!, null, null);
    }
}
