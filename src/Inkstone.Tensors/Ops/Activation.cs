using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Activation of a feed-forward layer, config.json's <c>hidden_act</c>.</summary>
public enum Activation
{
    /// <summary>x · σ(x); also called swish (arXiv:1702.03118).</summary>
    Silu,

    /// <summary>x · Φ(x), Φ the normal distribution (arXiv:1606.08415).</summary>
    Gelu,

    /// <summary>GELU with tanh in place of the error function.</summary>
    GeluTanh,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>max(x, 0)² (arXiv:2109.08668).</summary>
    ReluSquared,
}

public static partial class Ops
{
    /// <summary>An activation of each element.</summary>
    /// <remarks><code>
    /// forward   y  = f(x)        silu: x σ(x)    gelu: x Φ(x)    gelu by tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))    relu: max(x, 0)
    /// squared: max(x, 0)²
    /// backward  dx = dy · f′(x)
    /// </code></remarks>
    public static Tensor Activate(Tensor x, Activation activation) =>
        activation switch
        {
            Activation.Silu => Silu(x),
            Activation.Gelu => Unary(default(GeluOperator), x),
            Activation.GeluTanh => Unary(default(GeluTanhOperator), x),
            Activation.Relu => Unary(default(ReluOperator), x),
            Activation.ReluSquared => Unary(default(ReluSquaredOperator), x),
            _ => throw new ArgumentOutOfRangeException(nameof(activation)),
        };

    /// <summary>A gated feed-forward layer's middle (arXiv:2002.05202): SwiGLU, GeGLU and their like.</summary>
    /// <remarks><code>
    /// forward   y     = f(gate) · up
    /// backward  dgate = dy · up · f′(gate)        dup = dy · f(gate)
    /// </code></remarks>
    /// <param name="gate">any shape</param>
    /// <param name="up">the same shape</param>
    /// <param name="activation">f</param>
    /// <param name="compact">only products read the result: it may be kept in bfloat16</param>
    public static Tensor GatedLinearUnit(Tensor gate, Tensor up, Activation activation, bool compact = false) =>
        activation switch
        {
            Activation.Silu => SwiGlu(gate, up, compact),
            Activation.Gelu => Binary(default(GatedOperator<GeluOperator>), gate, up, compact),
            Activation.GeluTanh => Binary(default(GatedOperator<GeluTanhOperator>), gate, up, compact),
            Activation.Relu => Binary(default(GatedOperator<ReluOperator>), gate, up, compact),
            Activation.ReluSquared => Binary(default(GatedOperator<ReluSquaredOperator>), gate, up, compact),
            _ => throw new ArgumentOutOfRangeException(nameof(activation)),
        };

    internal readonly struct GatedOperator<TActivation> : IBinaryOperator
        where TActivation : struct, IUnaryOperator
    {
        public static string Name => TActivation.Name + "_gate";

        public Vector512<float> Forward(Vector512<float> a, Vector512<float> b) => default(TActivation).Forward(a) * b;

        public void Backward(Vector512<float> dy, Vector512<float> a, Vector512<float> b, out Vector512<float> da, out Vector512<float> db)
        {
            Vector512<float> y = default(TActivation).Forward(a);
            da = default(TActivation).Backward(dy * b, a, y);
            db = dy * y;
        }
    }

    internal readonly struct GeluOperator : IUnaryOperator
    {
        public static string Name => "gelu";

        public Vector512<float> Forward(Vector512<float> x) => x * Lanes.NormalDistribution(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y)
        {
            Vector512<float> density = Lanes.Exp(x * x * -0.5f) * 0.3989422804f; // φ(x) = e^(−x²/2) / √(2π)
            return dy * (Lanes.NormalDistribution(x) + x * density);
        }
    }

    internal readonly struct GeluTanhOperator : IUnaryOperator
    {
        private const float Root = 0.7978845608f,
            Cube = 0.044715f; // √(2/π)

        public static string Name => "gelu_tanh";

        public Vector512<float> Forward(Vector512<float> x) => x * Share(x);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y)
        {
            Vector512<float> s = Share(x),
                inner = (Vector512<float>.One + x * x * (3 * Cube)) * (2 * Root);
            return dy * s * (Vector512<float>.One + x * (Vector512<float>.One - s) * inner);
        }

        /// <summary>½ (1 + tanh u) = σ(2u), which keeps its digits where tanh is near −1.</summary>
        private static Vector512<float> Share(Vector512<float> x) => Lanes.Sigmoid((x + x * x * x * Cube) * (2 * Root));
    }

    internal readonly struct ReluOperator : IUnaryOperator
    {
        public static string Name => "relu";

        public Vector512<float> Forward(Vector512<float> x) => Vector512.Max(x, Vector512<float>.Zero);

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), dy, Vector512<float>.Zero);
    }

    internal readonly struct ReluSquaredOperator : IUnaryOperator
    {
        public static string Name => "relu_squared";

        public Vector512<float> Forward(Vector512<float> x)
        {
            Vector512<float> positive = Vector512.Max(x, Vector512<float>.Zero);
            return positive * positive;
        }

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y) =>
            dy * Vector512.Max(x, Vector512<float>.Zero) * 2f;
    }
}
