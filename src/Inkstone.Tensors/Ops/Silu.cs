using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>SiLU, also called swish, of each element (arXiv:1702.03118). σ: sigmoid.</summary>
    /// <remarks><code>
    /// forward   y  = x · σ(x)
    /// backward  dx = dy · σ(x) · (1 + x · (1 − σ(x)))
    /// </code></remarks>
    public static Tensor Silu(Tensor x) => Unary(default(SiluOperator), x);

    internal readonly struct SiluOperator : IUnaryOperator
    {
        public static string Name => "silu";

        public Vector512<float> Forward(Vector512<float> x) => x * Lanes.Sigmoid(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y)
        {
            Vector512<float> s = Lanes.Sigmoid(x);
            return dy * s * (Vector512<float>.One + x * (Vector512<float>.One - s));
        }
    }
}
