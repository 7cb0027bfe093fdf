using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Each element times a constant.</summary>
    /// <remarks><code>
    /// forward   y  = x · factor
    /// backward  dx = dy · factor
    /// </code></remarks>
    public static Tensor Scale(Tensor x, float factor) => Unary(new ScaleOperator(factor), x);

    internal readonly struct ScaleOperator(float factor) : IUnaryOperator
    {
        public static string Name => "scale";

        public Vector512<float> Forward(Vector512<float> x) => x * factor;

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) => dy * factor;
    }
}
