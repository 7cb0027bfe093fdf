using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary><see cref="PhiloxRandom.Block"/> of 16 counters at once, one a lane.</summary>
internal static unsafe class PhiloxVectors
{
    /// <summary>Numbers that one call makes: four for each of 16 counters.</summary>
    public const int Count = 64;

    /// <summary>The numbers of <paramref name="counter"/> and the 15 after it, as <see cref="PhiloxRandom.Uniform"/> deals them: four of a
    /// counter, then four of the next.</summary>
    public static void Blocks(PhiloxRandom random, ulong counter, uint* numbers)
    {
        Vector512<uint> c0 = Vector512.Create((uint)counter) + Vector512<uint>.Indices;
        // A lane whose lower half has come round carries into the upper one: true is −1.
        Vector512<uint> c1 = Vector512.Create((uint)(counter >> 32)) - Vector512.LessThan(c0, Vector512.Create((uint)counter));
        Vector512<uint> c2 = Vector512.Create((uint)random.Stream),
            c3 = Vector512.Create((uint)(random.Stream >> 32));
        uint k0 = (uint)random.Seed,
            k1 = (uint)(random.Seed >> 32);
        for (int round = 0; round < PhiloxRandom.Rounds; round++)
        {
            (Vector512<uint> low0, Vector512<uint> high0) = Multiply(c0, PhiloxRandom.M0);
            (Vector512<uint> low1, Vector512<uint> high1) = Multiply(c2, PhiloxRandom.M1);
            (c0, c1, c2, c3) = (high1 ^ c1 ^ Vector512.Create(k0), low1, high0 ^ c3 ^ Vector512.Create(k1), low0);
            k0 += PhiloxRandom.W0;
            k1 += PhiloxRandom.W1;
        }
        uint* rows = stackalloc uint[Count];
        c0.Store(rows);
        c1.Store(rows + 16);
        c2.Store(rows + 32);
        c3.Store(rows + 48);
        for (int i = 0; i < 16; i += 4)
        {
            Transpose4.Run((float*)rows + i, 16, (float*)numbers + 4 * i, 4);
        }
    }

    /// <summary>Both halves of the products of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> Low, Vector512<uint> High) Multiply(Vector512<uint> x, uint factor)
    {
        Vector512<ulong> lower = Vector512.Create(0xFFFFFFFFul),
            even = MultiplyEven(x, factor),
            odd = MultiplyEven((x.AsUInt64() >> 32).AsUInt32(), factor);
        return (((even & lower) | (odd << 32)).AsUInt32(), ((even >> 32) | Vector512.AndNot(odd, lower)).AsUInt32());
    }

    /// <summary>Products of 64 bits of the lanes 0, 2, 4, …</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> MultiplyEven(Vector512<uint> x, uint factor)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Multiply(x, Vector512.Create(factor));
        }
        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Avx2.Multiply(x.GetLower(), Vector256.Create(factor)),
                Avx2.Multiply(x.GetUpper(), Vector256.Create(factor))
            );
        }
        return Vector512.Create(
            Vector256.Create(MultiplyEven(x.GetLower().GetLower(), factor), MultiplyEven(x.GetLower().GetUpper(), factor)),
            Vector256.Create(MultiplyEven(x.GetUpper().GetLower(), factor), MultiplyEven(x.GetUpper().GetUpper(), factor))
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> MultiplyEven(Vector128<uint> x, uint factor) =>
        Sse2.IsSupported ? Sse2.Multiply(x, Vector128.Create(factor))
        : AdvSimd.IsSupported ? AdvSimd.MultiplyWideningLower(Vector64.Create(x[0], x[2]), Vector64.Create(factor))
        : Vector128.Create((ulong)x[0] * factor, (ulong)x[2] * factor);
}
