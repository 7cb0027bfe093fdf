namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Log-probability of each label under softmax(x · Wᵀ), without logits kept for all tokens.</summary>
    /// <remarks><code>
    /// forward   z = x · Wᵀ    y = z[label] − logsumexp(z), 0 where the label is −100
    /// backward  dz = (onehot(label) − softmax(z)) · dy        dx = dz · W        dW = dzᵀ · x
    /// </code>The backward pass computes the logits again, chunk by chunk.</remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[V, C]</param>
    /// <param name="labels">int32 [...]</param>
    /// <param name="softCap">logits are cap · tanh(z / cap); 0: z itself</param>
    /// <returns>[rows]</returns>
    public static Tensor LogProbs(Tensor x, Tensor weight, Tensor labels, float softCap = 0)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Count(labels, x.Shape.Rows);
        Device device = x.Device;
        Tensor y = device.Rent(new Shape(x.Shape.Rows));
        using (LabelledRows rows = new(x, labels, weight.Shape[0], softCap))
        {
            rows.LogProbs(weight, y);
        }
        if (device.Tape.Wants(x, weight))
        {
            device.Tape.Record<LogProbsNode>(y).Set(x, weight, labels, softCap);
        }
        return y;
    }

    private sealed class LogProbsNode : Node
    {
        private Tensor _x = null!,
            _weight = null!,
            _labels = null!;

        private float _softCap;

        public void Set(Tensor x, Tensor weight, Tensor labels, float softCap) =>
            (_x, _weight, _labels, _softCap) = (x, weight, labels, softCap);

        internal override void Backward()
        {
            Device device = _x.Device;
            Tensor? dx = _x.RequiresGrad ? device.Rent(_x.Shape) : null;
            Tensor? dw = _weight.RequiresGrad ? device.Rent(_weight.Shape) : null;
            using (LabelledRows rows = new(_x, _labels, _weight.Shape[0], _softCap))
            {
                rows.Backward(_weight, OutputGrad, dx, dw);
            }
            if (dw is not null)
            {
                AddKernels.Accumulate(dw, _weight);
                dw.Release();
            }
            if (dx is not null && !_x.TryMoveGrad(dx))
            {
                AddKernels.Accumulate(dx, _x);
                dx.Release();
            }
        }

        internal override void Release() { }
    }
}
