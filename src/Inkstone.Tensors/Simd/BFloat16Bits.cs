using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>bfloat16: the upper half of a float32.</summary>
internal static class BFloat16Bits
{
    /// <summary>Rounds to nearest even; NaN stays NaN.</summary>
    public static ushort FromFloat(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Exact.</summary>
    public static float ToFloat(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Rounds a row.</summary>
    internal static unsafe void FromFloats(float* source, ushort* target, int count)
    {
        int i = 0;
        for (; i <= count - 32; i += 32)
        {
            Narrow(Vector512.Load(source + i), Vector512.Load(source + i + 16)).Store(target + i);
        }
        for (; i < count; i++)
        {
            target[i] = FromFloat(source[i]);
        }
    }

    /// <summary>32 rounded values, those of <paramref name="low"/> first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ushort> Narrow(Vector512<float> low, Vector512<float> high) =>
        Avx512BW.IsSupported
            ? Avx512BW.PermuteVar32x16x2(RoundInPlace(low).AsUInt16(), UpperHalves, RoundInPlace(high).AsUInt16())
            : Vector512.Narrow(RoundInPlace(low) >> 16, RoundInPlace(high) >> 16);

    /// <summary>The odd 16-bit words of two vectors, in order.</summary>
    private static readonly Vector512<ushort> UpperHalves = Vector512.Create(
        (ushort)1,
        3,
        5,
        7,
        9,
        11,
        13,
        15,
        17,
        19,
        21,
        23,
        25,
        27,
        29,
        31,
        33,
        35,
        37,
        39,
        41,
        43,
        45,
        47,
        49,
        51,
        53,
        55,
        57,
        59,
        61,
        63
    );

    /// <summary>16 values, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe Vector512<float> Load(ushort* source) =>
        (Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe()) << 16).AsSingle();

    /// <summary>16 values, rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void Store(Vector512<float> value, ushort* target)
    {
        Vector512<uint> bits = RoundInPlace(value) >> 16;
        Vector256.Narrow(bits.GetLower(), bits.GetUpper()).Store(target);
    }

    /// <summary>Each lane rounded to bfloat16, its bits left in the lane's upper half (the lower half is rubbish). A NaN stays a NaN or
    /// becomes infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> RoundInPlace(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32();
        return bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
    }

    /// <summary>The same for eight lanes given as bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> RoundInPlace(Vector256<uint> bits) =>
        bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);

    /// <summary>The same for four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<uint> RoundInPlace(Vector128<uint> bits) =>
        bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One);

    /// <summary>Pairs of the upper halves of two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> Join(Vector512<uint> even, Vector512<uint> odd) => (even >> 16) | (odd & Vector512.Create(0xFFFF0000u));
}
