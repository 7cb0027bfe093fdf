using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>One quantised block of 32 elements as two vectors of float32.</summary>
internal static unsafe class Blocks32
{
    /// <summary>The elements of <paramref name="block"/>, with the roundings of GGUF's reference: d·q, then + m.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(DType type, byte* block, out Vector512<float> low, out Vector512<float> high)
    {
        Vector512<float> d = Vector512.Create(Half(*(ushort*)block));
        switch (type)
        {
            case DType.Q8_0:
                low = Vector512.ConvertToSingle(Widen(Vector128.Load((sbyte*)block + 2))) * d;
                high = Vector512.ConvertToSingle(Widen(Vector128.Load((sbyte*)block + 18))) * d;
                break;
            case DType.Q4_0:
                (Vector128<sbyte> first, Vector128<sbyte> second) = Nibbles(block + 2);
                Vector128<sbyte> zero = Vector128.Create((sbyte)8);
                low = Vector512.ConvertToSingle(Widen(first - zero)) * d;
                high = Vector512.ConvertToSingle(Widen(second - zero)) * d;
                break;
            default:
                (first, second) = Nibbles(block + 4);
                Vector512<float> m = Vector512.Create(Half(*(ushort*)(block + 2)));
                low = Vector512.ConvertToSingle(Widen(first)) * d + m;
                high = Vector512.ConvertToSingle(Widen(second)) * d + m;
                break;
        }
    }

    /// <summary>A half-precision number. Its bits, moved to float32's places, are 2^112 times too small; infinities and NaNs get float32's
    /// exponent for them.</summary>
    /// <remarks>No branch and no call: a call in a loop over blocks would spill every vector.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Half(ushort bits)
    {
        int magnitude = bits & 0x7FFF,
            special = (0x7BFF - magnitude) >> 31 & 0x7F800000;
        float scaled = BitConverter.Int32BitsToSingle(magnitude << 13) * 5.192296858534828e33f;
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(scaled) | special | (bits & 0x8000) << 16);
    }

    /// <summary>Eight half-precision numbers, each in the lower half of its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Half(Vector256<int> bits)
    {
        Vector256<int> magnitude = bits & Vector256.Create(0x7FFF);
        Vector256<int> special = ((Vector256.Create(0x7BFF) - magnitude) >> 31) & Vector256.Create(0x7F800000);
        Vector256<float> scaled = (magnitude << 13).AsSingle() * 5.192296858534828e33f;
        return (scaled.AsInt32() | special | ((bits & Vector256.Create(0x8000)) << 16)).AsSingle();
    }

    /// <summary>16 half-precision numbers, each in the lower half of its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Half(Vector512<int> bits)
    {
        Vector512<int> magnitude = bits & Vector512.Create(0x7FFF);
        Vector512<int> special = ((Vector512.Create(0x7BFF) - magnitude) >> 31) & Vector512.Create(0x7F800000);
        Vector512<float> scaled = (magnitude << 13).AsSingle() * 5.192296858534828e33f;
        return (scaled.AsInt32() | special | ((bits & Vector512.Create(0x8000)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<sbyte> Low, Vector128<sbyte> High) Nibbles(byte* bytes)
    {
        Vector128<byte> both = Vector128.Load(bytes);
        return ((both & Vector128.Create((byte)15)).AsSByte(), (both >>> 4).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Widen(Vector128<sbyte> bytes)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512Int32(bytes);
        }
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(bytes);
        (Vector128<int> a, Vector128<int> b) = Vector128.Widen(low);
        (Vector128<int> c, Vector128<int> d) = Vector128.Widen(high);
        return Vector512.Create(Vector256.Create(a, b), Vector256.Create(c, d));
    }
}
