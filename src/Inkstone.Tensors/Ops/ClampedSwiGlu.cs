using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A gated activation whose inputs are clamped, as gpt-oss has it.</summary>
    /// <remarks><code>
    /// forward   g = min(gate, limit)    u = clip(up, −limit, limit)    y = g · σ(α g) · (u + offset)
    /// backward  dgate = dy · (u + offset) · σ(α g) · (1 + α g (1 − σ(α g)))  where gate ≤ limit        dup = dy · g · σ(α g)  where |up| ≤
    /// limit
    /// </code></remarks>
    /// <param name="gate">any shape</param>
    /// <param name="up">the same shape</param>
    /// <param name="limit">swiglu_limit</param>
    /// <param name="alpha">α; 1 is SiLU</param>
    /// <param name="offset">added to up</param>
    public static Tensor ClampedSwiGlu(Tensor gate, Tensor up, float limit, float alpha = 1.702f, float offset = 1) =>
        Binary(new ClampedSwiGluOperator(limit, alpha, offset), gate, up);

    internal readonly struct ClampedSwiGluOperator(float limit, float alpha, float offset) : IBinaryOperator
    {
        public static string Name => "clamped_swiglu";

        public Vector512<float> Forward(Vector512<float> a, Vector512<float> b)
        {
            Vector512<float> top = Vector512.Create(limit),
                g = Vector512.Min(a, top),
                u = Vector512.Max(Vector512.Min(b, top), -top);
            return g * Lanes.Sigmoid(g * alpha) * (u + Vector512.Create(offset));
        }

        public void Backward(Vector512<float> dy, Vector512<float> a, Vector512<float> b, out Vector512<float> da, out Vector512<float> db)
        {
            Vector512<float> top = Vector512.Create(limit),
                g = Vector512.Min(a, top),
                u = Vector512.Max(Vector512.Min(b, top), -top),
                s = Lanes.Sigmoid(g * alpha);
            da = dy * (u + Vector512.Create(offset)) * s * (Vector512<float>.One + g * alpha * (Vector512<float>.One - s));
            da = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(a, top), da, Vector512<float>.Zero);
            db = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Abs(b), top), dy * g * s, Vector512<float>.Zero);
        }
    }
}
