using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Natural logarithm of each element; −∞ of 0, NaN of negative numbers.</summary>
    /// <remarks><code>
    /// forward   y  = ln x
    /// backward  dx = dy / x
    /// </code></remarks>
    public static Tensor Log(Tensor x) => Unary(default(LogOperator), x);

    internal readonly struct LogOperator : IUnaryOperator
    {
        public static string Name => "log";

        public Vector512<float> Forward(Vector512<float> x) => Vector512.Log(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) => dy / x;
    }
}
