using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Square root of each element's size, with its sign; sizes below a least one count as that, so that the slope is bounded. 0
    /// stays 0.</summary>
    /// <remarks><code>
    /// forward   y  = sign(x) · sqrt(max(|x|, least))
    /// backward  dx = dy / (2 sqrt|x|) where |x| ≥ least, else 0
    /// </code></remarks>
    /// <param name="x">[...]</param>
    /// <param name="least">above 0</param>
    public static Tensor SignedRoot(Tensor x, float least = 1e-6f) => Unary(new SignedRootOperator(least), x);

    internal readonly struct SignedRootOperator(float least) : IUnaryOperator
    {
        public static string Name => "signed_root";

        public Vector512<float> Forward(Vector512<float> x)
        {
            Vector512<float> root = Vector512.CopySign(Vector512.Sqrt(Vector512.Max(Vector512.Abs(x), Vector512.Create(least))), x);
            return Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<float>.Zero), Vector512<float>.Zero, root);
        }

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y)
        {
            Vector512<float> size = Vector512.Abs(x);
            Vector512<float> slope = Vector512.Create(0.5f) / Vector512.Sqrt(Vector512.Max(size, Vector512.Create(least)));
            return Vector512.ConditionalSelect(
                Vector512.GreaterThanOrEqual(size, Vector512.Create(least)),
                dy * slope,
                Vector512<float>.Zero
            );
        }
    }
}
