using System.Numerics;

namespace Inkstone.Data;

/// <summary>
/// A keyed permutation of 0..count-1 computed point by point: no array, so a data set of any size is shuffled in no memory.
/// </summary>
/// <remarks>
/// A balanced Feistel network over the next even number of bits, and cycle walking back into the range
/// (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002). The domain is at most four times the range.
/// </remarks>
internal readonly struct WindowPermutation
{
    private const int Rounds = 6;
    private readonly ulong _count;
    private readonly ulong _key;
    private readonly int _halfBits;

    /// <summary>The permutation of <paramref name="count"/> windows that belongs to a seed and an epoch.</summary>
    public WindowPermutation(long count, ulong seed, long epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _count = (ulong)count;
        _key = Mix(seed ^ Mix((ulong)epoch + 0x9E3779B97F4A7C15));
        int bits = 64 - BitOperations.LeadingZeroCount(_count - 1);
        _halfBits = Math.Max(1, (bits + 1) / 2);
    }

    /// <summary>The window at place <paramref name="index"/>.</summary>
    public long this[long index]
    {
        get
        {
            ulong x = (ulong)index;
            do
            {
                x = Encipher(x);
            } while (x >= _count);
            return (long)x;
        }
    }

    private ulong Encipher(ulong x)
    {
        ulong mask = (1UL << _halfBits) - 1;
        ulong left = x >> _halfBits,
            right = x & mask;
        for (int round = 0; round < Rounds; round++)
        {
            (left, right) = (right, left ^ (Mix(right + _key + (ulong)round * 0xD1B54A32D192ED03) & mask));
        }
        return (left << _halfBits) | right;
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).</summary>
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
