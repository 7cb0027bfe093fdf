using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Elementwise product of two tensors of one shape.</summary>
    /// <remarks><code>
    /// forward   y  = a · b
    /// backward  da = dy · b        db = dy · a
    /// </code></remarks>
    public static Tensor Multiply(Tensor a, Tensor b) => Binary(default(MultiplyOperator), a, b);

    internal readonly struct MultiplyOperator : IBinaryOperator
    {
        public static string Name => "multiply";

        public Vector512<float> Forward(Vector512<float> a, Vector512<float> b) => a * b;

        public void Backward(
            Vector512<float> dy,
            Vector512<float> a,
            Vector512<float> b,
            out Vector512<float> da,
            out Vector512<float> db
        ) => (da, db) = (dy * b, dy * a);
    }
}
