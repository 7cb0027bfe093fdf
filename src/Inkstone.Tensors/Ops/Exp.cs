using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>eˣ of each element; 0 below −87.3, +∞ above 88.7.</summary>
    /// <remarks><code>
    /// forward   y  = eˣ
    /// backward  dx = dy · y
    /// </code></remarks>
    public static Tensor Exp(Tensor x) => Unary(default(ExpOperator), x);

    internal readonly struct ExpOperator : IUnaryOperator
    {
        public static string Name => "exp";

        public Vector512<float> Forward(Vector512<float> x) => Lanes.Exp(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) => dy * y;
    }
}
