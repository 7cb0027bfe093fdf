namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Softmax over the last dimension, shifted by the row's maximum so that it never overflows.</summary>
    /// <remarks><code>
    /// forward   y  = e^(x − max x) / Σ e^(x − max x)
    /// backward  dx = y · (dy − Σ dy · y)
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    public static Tensor Softmax(Tensor x)
    {
        Tensor y = x.Device.Rent(x.Shape); // [..., C]
        SoftmaxKernels.Forward(x, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<SoftmaxNode>(y).Set(x);
        }
        return y;
    }

    private sealed class SoftmaxNode : Node
    {
        private Tensor _x = null!;

        public void Set(Tensor x) => _x = x;

        internal override void Backward()
        {
            Tensor dy = OutputGrad,
                dx = TakeGrad(Output, _x, out bool accumulate);
            SoftmaxKernels.Backward(dy, Output, dx, accumulate);
        }

        internal override void Release() => _x = null!;
    }
}
