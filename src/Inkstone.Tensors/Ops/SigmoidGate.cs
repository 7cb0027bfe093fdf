using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A tensor weighed by the sigmoid of another: the output gate of gated attention (arXiv:2505.06708). σ: sigmoid.</summary>
    /// <remarks><code>
    /// forward   y  = a · σ(g)
    /// backward  da = dy · σ(g)        dg = dy · a · σ(g) · (1 − σ(g))
    /// </code></remarks>
    public static Tensor SigmoidGate(Tensor a, Tensor gate) => Binary(default(SigmoidGateOperator), a, gate);

    internal readonly struct SigmoidGateOperator : IBinaryOperator
    {
        public static string Name => "sigmoid_gate";

        public Vector512<float> Forward(Vector512<float> a, Vector512<float> b) => a * Lanes.Sigmoid(b);

        public void Backward(Vector512<float> dy, Vector512<float> a, Vector512<float> b, out Vector512<float> da, out Vector512<float> db)
        {
            Vector512<float> s = Lanes.Sigmoid(b);
            (da, db) = (dy * s, dy * a * s * (Vector512<float>.One - s));
        }
    }
}
