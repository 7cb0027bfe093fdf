using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>The gated activation of a SwiGLU feed-forward layer (arXiv:2002.05202). σ: sigmoid; silu(x) = x · σ(x).</summary>
    /// <remarks><code>
    /// forward   y     = silu(gate) · up
    /// backward  dgate = dy · up · σ(gate) · (1 + gate · (1 − σ(gate)))        dup = dy · silu(gate)
    /// </code></remarks>
    /// <param name="gate">any shape</param>
    /// <param name="up">the same shape</param>
    /// <param name="compact">only products read the result: it may be kept in bfloat16</param>
    public static Tensor SwiGlu(Tensor gate, Tensor up, bool compact = false) => Binary(default(SwiGluOperator), gate, up, compact);

    internal readonly struct SwiGluOperator : IBinaryOperator
    {
        public static string Name => "swiglu";

        public Vector512<float> Forward(Vector512<float> gate, Vector512<float> up) => gate * Lanes.Sigmoid(gate) * up;

        public void Backward(
            Vector512<float> dy,
            Vector512<float> gate,
            Vector512<float> up,
            out Vector512<float> dgate,
            out Vector512<float> dup
        )
        {
            Vector512<float> s = Lanes.Sigmoid(gate);
            dgate = dy * up * s * (Vector512<float>.One + gate * (Vector512<float>.One - s));
            dup = dy * (gate * s);
        }
    }
}
