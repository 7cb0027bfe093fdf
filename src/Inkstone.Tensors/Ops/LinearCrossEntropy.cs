namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>The label of rows that are not learned from.</summary>
    public const int IgnoreLabel = -100;

    /// <summary>Output projection and cross-entropy in one op: the negative log-likelihood of the labels, without logits kept for all
    /// tokens.</summary>
    /// <remarks><code>
    /// forward   z = x · Wᵀ    L = Σ_rows (logsumexp(z) − z[label]) / normalizer        over rows whose label is not −100
    /// backward  dz = (softmax(z) − onehot(label)) · dL / normalizer        dx = dz · W        dW = dzᵀ · x
    /// </code>
    /// Rows are taken in chunks: a chunk's logits become its gradient in place and are spent at once on dx and dW, so neither is ever whole
    /// and the logits are computed once (the idea of Liger Kernel's fused loss, arXiv:2410.10989). Ignored rows cost nothing.
    /// </remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[V, C]</param>
    /// <param name="labels">int32 [...], already shifted; −100 is ignored</param>
    /// <param name="normalizer">what the sum is divided by: the labels of the whole optimizer step</param>
    /// <param name="softCap">logits are cap · tanh(z / cap), so that dz is also multiplied by 1 − (logit / cap)²; 0: z itself</param>
    /// <returns>[1]</returns>
    public static Tensor LinearCrossEntropy(Tensor x, Tensor weight, Tensor labels, float normalizer, float softCap = 0)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Count(labels, x.Shape.Rows);
        Device device = x.Device;
        Tensor loss = device.Rent(new Shape(1));
        bool wanted = device.Tape.Wants(x, weight);
        Tensor? dx = wanted && x.RequiresGrad ? device.Rent(x.Shape) : null;
        Tensor? dw = wanted && weight.RequiresGrad ? device.Rent(weight.Shape) : null;
        using (LabelledRows rows = new(x, labels, weight.Shape[0], softCap))
        {
            loss.Span[0] = (float)(-rows.Forward(weight, 1 / normalizer, dx, dw) / normalizer);
        }
        if (wanted)
        {
            device.Tape.Record<LinearCrossEntropyNode>(loss).Set(x, weight, dx, dw);
        }
        return loss;
    }

    private sealed class LinearCrossEntropyNode : Node
    {
        private Tensor _x = null!,
            _weight = null!;
        private Tensor? _dx,
            _dw;

        public void Set(Tensor x, Tensor weight, Tensor? dx, Tensor? dw) => (_x, _weight, _dx, _dw) = (x, weight, dx, dw);

        internal override void Backward()
        {
            float scale = OutputGrad.Item();
            if (_dw is not null)
            {
                AddKernels.Accumulate(_dw, _weight, scale);
            }
            if (_dx is not null)
            {
                if (scale == 1 && _x.TryMoveGrad(_dx))
                {
                    _dx = null;
                }
                else
                {
                    AddKernels.Accumulate(_dx, _x, scale);
                }
            }
        }

        internal override void Release()
        {
            _dx?.Release();
            _dw?.Release();
        }
    }
}
