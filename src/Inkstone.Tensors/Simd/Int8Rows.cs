using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>What belongs to 32 activations beside their bytes. Read by assembled code at fixed offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Int8Scale
{
    /// <summary>x ≈ Scale · q, rounded to half precision.</summary>
    public float Scale;

    /// <summary>−z · Σ q, z being what the weights' unsigned bytes stand above their values: a product of bytes plus this is the product of
    /// values.</summary>
    public int Offset;

    /// <summary>Σ x ≈ scale · Σ q, rounded to half precision: what a weight's minimum is multiplied with.</summary>
    public float Sum;

    /// <summary>Fills 16 bytes.</summary>
    public int Unused;
}

/// <summary>
/// Activations rounded to 8 bits in blocks of 32, as llama.cpp does before it multiplies with quantised weights: d = max |x| / 127 in half
/// precision, q = round(x · 127 / max |x|).
/// Rows lie one after the other, a cache line longer than they need so that they do not share cache sets.
/// </summary>
internal readonly unsafe struct Int8Rows(byte* memory, int rows, int k)
{
    private const int Block = DTypes.BlockElements,
        RowPadding = 64;

    /// <summary>Bytes from one row of values to the next.</summary>
    public nint ValueStride => k + RowPadding;

    /// <summary>Bytes from one row of scales to the next.</summary>
    public nint ScaleStride => k / Block * sizeof(Int8Scale) + RowPadding;

    /// <summary>Bytes for <paramref name="rows"/> rows of <paramref name="k"/> values.</summary>
    public static long Bytes(int rows, int k) => rows * (k + (long)k / Block * sizeof(Int8Scale) + 2 * RowPadding);

    /// <summary>The bytes of a row.</summary>
    public sbyte* Values(int row) => (sbyte*)memory + row * ValueStride;

    /// <summary>The scales of a row.</summary>
    public Int8Scale* Scales(int row) => (Int8Scale*)(memory + rows * ValueStride + row * ScaleStride);

    /// <summary>Rounds one row for a product with weights whose bytes stand <paramref name="zero"/> above their values.</summary>
    public void Quantise(int row, float* x, int zero)
    {
        sbyte* q = Values(row);
        Int8Scale* scales = Scales(row);
        for (int i = 0; i < k; i += Block)
        {
            *scales++ = Quantise(x + i, q + i, zero);
        }
    }

    /// <summary>A row that does not exist: zeros.</summary>
    public void Clear(int row)
    {
        new Span<sbyte>(Values(row), k).Clear();
        new Span<Int8Scale>(Scales(row), k / Block).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Int8Scale Quantise(float* x, sbyte* q, int zero)
    {
        Vector512<float> low = Vector512.Load(x),
            high = Vector512.Load(x + 16);
        float largest = Largest(Vector512.Max(Vector512.Abs(low), Vector512.Abs(high)));
        float d = largest / 127,
            inverse = largest == 0 ? 0 : 127 / largest;
        Vector512<int> a = Round(low * inverse),
            b = Round(high * inverse);
        if (Avx512F.IsSupported)
        {
            Avx512F.ConvertToVector128SByte(a).Store(q);
            Avx512F.ConvertToVector128SByte(b).Store(q + 16);
        }
        else
        {
            Vector512<short> both = Vector512.Narrow(a, b);
            Vector256.Narrow(both.GetLower(), both.GetUpper()).Store(q);
        }
        int sum = Vector512.Sum(a + b);
        return new Int8Scale
        {
            Scale = ThroughHalf(d),
            Offset = -zero * sum,
            Sum = ThroughHalf(d * sum),
        };
    }

    /// <summary>The nearest integers; halves go to the even one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Round(Vector512<float> x) =>
        Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(x) : Vector512.ConvertToInt32(Vector512.Round(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector512<float> v)
    {
        Vector256<float> half = Vector256.Max(v.GetLower(), v.GetUpper());
        Vector128<float> quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>The nearest number of half precision, halves to even. Below its normal numbers that is a multiple of 2^−24, the last place
    /// of 0.5.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ThroughHalf(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value),
            magnitude = bits & 0x7FFFFFFF;
        float size = BitConverter.UInt32BitsToSingle(magnitude);
        float rounded =
            size < 6.103515625e-5f ? size + 0.5f - 0.5f
            : size < 65520 ? BitConverter.UInt32BitsToSingle((magnitude + 0xFFF + (magnitude >> 13 & 1)) & ~0x1FFFu)
            : size + float.PositiveInfinity;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(rounded) | (bits & 0x80000000));
    }
}
