using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Keeps numbers within ±cap (Gemma 2, arXiv:2408.00118, section 2).</summary>
    /// <remarks><code>
    /// forward   y  = cap · tanh(x / cap)
    /// backward  dx = dy · (1 − (y / cap)²)
    /// </code></remarks>
    public static Tensor SoftCap(Tensor x, float cap) =>
        cap > 0 ? Unary(new SoftCapOperator(cap), x) : throw new ArgumentException($"a soft cap must be above 0, not {cap}", nameof(cap));

    /// <summary>The same over <paramref name="count"/> numbers in place.</summary>
    internal static unsafe void SoftCapRow(float* row, int count, float cap)
    {
        SoftCapOperator function = new(cap);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            function.Forward(Vector512.Load(row + i)).Store(row + i);
        }
        Lanes.StorePart(function.Forward(Lanes.LoadPart(row + i, count - i)), row + i, count - i);
    }

    internal readonly struct SoftCapOperator(float cap) : IUnaryOperator
    {
        public static string Name => "soft_cap";

        public Vector512<float> Forward(Vector512<float> x) => Lanes.Tanh(x * (1 / cap)) * cap;

        public Vector512<float> Backward(Vector512<float> dy, Vector512<float> x, Vector512<float> y)
        {
            Vector512<float> t = y * (1 / cap);
            return dy * (Vector512<float>.One - t * t);
        }
    }
}
