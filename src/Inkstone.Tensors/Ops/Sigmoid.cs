using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Logistic function of each element.</summary>
    /// <remarks><code>
    /// forward   y  = 1 / (1 + e⁻ˣ)
    /// backward  dx = dy · y · (1 − y)
    /// </code></remarks>
    public static Tensor Sigmoid(Tensor x) => Unary(default(SigmoidOperator), x);

    internal readonly struct SigmoidOperator : IUnaryOperator
    {
        public static string Name => "sigmoid";

        public Vector512<float> Forward(Vector512<float> x) => Lanes.Sigmoid(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) =>
            dy * y * (Vector512<float>.One - y);
    }
}
