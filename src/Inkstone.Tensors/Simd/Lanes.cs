using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// Building blocks over rows of floats. They are written with 512-bit vectors; the runtime lowers them to what the CPU has,
/// in the same order of operations.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>log₂ e.</summary>
    public const float Log2E = 1.44269504f;

    /// <summary>Σ a·b.</summary>
    public static float Dot(float* a, float* b, int n)
    {
        Vector512<float> s0 = default,
            s1 = default;
        int i = 0;
        for (; i <= n - 32; i += 32)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + 16), Vector512.Load(b + i + 16), s1);
        }
        float sum = Vector512.Sum(s0 + s1);
        for (; i < n; i++)
        {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /// <summary>y += x.</summary>
    public static void Add(float* y, float* x, int n)
    {
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            (Vector512.Load(y + i) + Vector512.Load(x + i)).Store(y + i);
        }
        for (; i < n; i++)
        {
            y[i] += x[i];
        }
    }

    /// <summary>y += a·x.</summary>
    public static void AddScaled(float* y, float* x, float a, int n)
    {
        Vector512<float> scale = Vector512.Create(a);
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            Vector512.FusedMultiplyAdd(scale, Vector512.Load(x + i), Vector512.Load(y + i)).Store(y + i);
        }
        for (; i < n; i++)
        {
            y[i] += a * x[i];
        }
    }

    /// <summary>y = a·x; y may be x.</summary>
    public static void Scale(float* y, float* x, float a, int n)
    {
        Vector512<float> scale = Vector512.Create(a);
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            (scale * Vector512.Load(x + i)).Store(y + i);
        }
        for (; i < n; i++)
        {
            y[i] = a * x[i];
        }
    }

    /// <summary>y = e^(x − shift), and Σ y. y may be x.</summary>
    public static float ExpSum(float* y, float* x, float shift, int n)
    {
        Vector512<float> s = default,
            c = Vector512.Create(shift);
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            Vector512<float> e = Exp(Vector512.Load(x + i) - c);
            e.Store(y + i);
            s += e;
        }
        float sum = Vector512.Sum(s);
        for (; i < n; i++)
        {
            y[i] = Exp(Vector512.CreateScalar(x[i] - shift)).ToScalar();
            sum += y[i];
        }
        return sum;
    }

    /// <summary>Σ a·b·c.</summary>
    public static float Dot3(float* a, float* b, float* c, int n)
    {
        Vector512<float> s = default;
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            s = Vector512.FusedMultiplyAdd(Vector512.Load(a + i) * Vector512.Load(b + i), Vector512.Load(c + i), s);
        }
        float sum = Vector512.Sum(s);
        for (; i < n; i++)
        {
            sum += a[i] * b[i] * c[i];
        }
        return sum;
    }

    /// <summary>Four sums of four lanes each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Quarter(Vector512<float> v)
    {
        Vector256<float> half = v.GetLower() + v.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    /// <summary>Σ a, within float32 rounding of 16 interleaved sums.</summary>
    public static float Sum(float* a, int n)
    {
        Vector512<float> s0 = default,
            s1 = default;
        int i = 0;
        for (; i <= n - 32; i += 32)
        {
            s0 += Vector512.Load(a + i);
            s1 += Vector512.Load(a + i + 16);
        }
        float sum = Vector512.Sum(s0 + s1);
        for (; i < n; i++)
        {
            sum += a[i];
        }
        return sum;
    }

    /// <summary>The largest element; NaN when one is among them, −∞ of none.</summary>
    public static float Max(float* a, int n)
    {
        Vector512<float> most = Vector512.Create(float.NegativeInfinity);
        int i = 0;
        for (; i <= n - 16; i += 16)
        {
            most = Vector512.Max(most, Vector512.Load(a + i));
        }
        Vector256<float> half = Vector256.Max(most.GetLower(), most.GetUpper());
        Vector128<float> quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        float max = MathF.Max(MathF.Max(quarter[0], quarter[1]), MathF.Max(quarter[2], quarter[3]));
        for (; i < n; i++)
        {
            max = MathF.Max(max, a[i]);
        }
        return max;
    }

    /// <summary>The first <paramref name="count"/> (0..16) floats, zeros behind them; reads nothing past the end.</summary>
    public static Vector512<float> LoadPart(float* p, int count)
    {
        Vector512<float> part = default;
        new ReadOnlySpan<float>(p, count).CopyTo(new Span<float>(&part, 16));
        return part;
    }

    /// <summary>Writes the first <paramref name="count"/> (0..16) lanes and nothing else.</summary>
    public static void StorePart(Vector512<float> part, float* p, int count) =>
        new ReadOnlySpan<float>(&part, count).CopyTo(new Span<float>(p, count));

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));

    /// <summary>tanh x, within 6e-8 of it and 1e-7 of its size: below 1 the continued fraction x (945 + 105 x² + x⁴) / (945 + 420 x² + 15
    /// x⁴), above it 1 − 2 / (e²ˣ + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Tanh(Vector512<float> x)
    {
        Vector512<float> square = x * x,
            size = Vector512.Abs(x);
        Vector512<float> top = Vector512.FusedMultiplyAdd(square + Vector512.Create(105f), square, Vector512.Create(945f));
        Vector512<float> bottom = Vector512.FusedMultiplyAdd(
            Vector512.FusedMultiplyAdd(square, Vector512.Create(15f), Vector512.Create(420f)),
            square,
            Vector512.Create(945f)
        );
        Vector512<float> large = Vector512<float>.One - Vector512.Create(2f) / (Exp(size + size) + Vector512<float>.One);
        return Vector512.ConditionalSelect(Vector512.LessThan(size, Vector512<float>.One), x * top / bottom, Vector512.CopySign(large, x));
    }

    /// <summary>Φ(x) = ½ (1 + erf(x/√2)), within 1e-6 of its size also in the tail: the Chebyshev fit of erfc in Numerical Recipes, section
    /// 6.2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NormalDistribution(Vector512<float> x)
    {
        Vector512<float> size = Vector512.Abs(x) * 0.7071067812f,
            t = Vector512<float>.One / Vector512.FusedMultiplyAdd(size, Vector512.Create(0.5f), Vector512<float>.One);
        Vector512<float> p = Vector512.FusedMultiplyAdd(t, Vector512.Create(0.17087277f), Vector512.Create(-0.82215223f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(1.48851587f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-1.13520398f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(0.27886807f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-0.18628806f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(0.09678418f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(0.37409196f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(1.00002368f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-1.26551223f));
        Vector512<float> tail = t * Exp(p) * Exp(-(size * size)) * 0.5f; // 1 − Φ(|x|)
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }

    /// <summary>
    /// eˣ, within 2 units in the last place: x = n·ln2 + r, a polynomial of degree 7 for eʳ on |r| ≤ ln2/2, then n is added to the exponent
    /// bits
    /// (the method of Cephes' expf). Below ln 2⁻¹²⁶ the result is 0 (no subnormals), above ln 2¹²⁸ it is +∞; NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        Vector512<float> n = Vector512.Round(x * 1.44269504f);
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        Vector512<float> p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        // At the borders kept below, n = −126 comes with p ≥ 1 and n = 128 with p < 1: the exponent field never leaves 1..254.
        Vector512<float> y = (p.AsInt32() + (Vector512.ConvertToInt32Native(n) << 23)).AsSingle();
        y = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87.33654f)), Vector512<float>.Zero, y);
        return Vector512.ConditionalSelect(
            Vector512.GreaterThan(x, Vector512.Create(88.72283f)),
            Vector512.Create(float.PositiveInfinity),
            y
        );
    }

    /// <summary>
    /// 2ʸ for y &lt; 128, within 3 units in the last place: y = n + r with n whole, a polynomial of degree 5 for 2ʳ on |r| ≤ ½ whose
    /// constant is exactly 1, then n is
    /// added to the exponent bits. 12 instructions. Everything below −127 (−∞ too) gives exactly 0, results below 2⁻¹²⁶ are small rubbish ≥
    /// 0, NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2(Vector512<float> y)
    {
        y = Vector512.MaxNative(Vector512.Create(-127f), y);
        // 1.5 · 2²³: adding it rounds to a whole number, which then stands in the lowest bits.
        Vector512<float> whole = y + Vector512.Create(12582912f),
            r = y - (whole - Vector512.Create(12582912f));
        // Estrin's order: callers are bound by the length of this chain.
        Vector512<float> square = r * r;
        Vector512<float> high = Vector512.FusedMultiplyAdd(Vector512.Create(1.32647285e-3f), r, Vector512.Create(9.6715139e-3f));
        Vector512<float> middle = Vector512.FusedMultiplyAdd(Vector512.Create(5.5507336e-2f), r, Vector512.Create(2.4022242e-1f));
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(6.93147e-1f), r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(high, square, middle), square, p);
        return (p.AsInt32() + (whole.AsInt32() << 23)).AsSingle();
    }
}
