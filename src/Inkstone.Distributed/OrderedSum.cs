using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Distributed;

/// <summary>
/// Sums in an order that depends on how many numbers there are and on nothing else: of an even number the sums of both halves, of an odd
/// one from first to last. A range that is dealt out
/// to 2ᵏ processes is halved k times, so what they sum for themselves are whole branches of the same tree.
/// </summary>
public static class OrderedSum
{
    /// <summary>For each leaf how many sums are due behind it: each adds what was kept last.</summary>
    /// <param name="leaves">how many numbers are summed</param>
    public static int[] Merges(int leaves)
    {
        int[] merges = new int[leaves];
        Count(merges);
        return merges;

        static void Count(Span<int> merges)
        {
            if (merges.Length <= 1)
            {
                return;
            }
            if (merges.Length % 2 == 0)
            {
                Count(merges[..(merges.Length / 2)]);
                Count(merges[(merges.Length / 2)..]);
                merges[^1]++;
                return;
            }
            foreach (ref int merge in merges[1..])
            {
                merge++;
            }
        }
    }

    /// <summary>Sums the parts of a buffer into the first: parts of equal length, side by side.</summary>
    /// <param name="parts">[number · length]; the sum stands in the first part afterwards, the others are used up</param>
    /// <param name="number">of parts</param>
    public static void Reduce(Span<float> parts, int number)
    {
        int length = number == 0 ? 0 : parts.Length / number;
        if (number <= 1 || length == 0)
        {
            return;
        }
        if (number % 2 == 0)
        {
            int half = number / 2 * length;
            Reduce(parts[..half], number / 2);
            Reduce(parts[half..], number / 2);
            Add(parts[..length], parts.Slice(half, length));
            return;
        }
        for (int i = 1; i < number; i++)
        {
            Add(parts[..length], parts.Slice(i * length, length));
        }
    }

    /// <summary>sum += other.</summary>
    /// <param name="sum">is added to</param>
    /// <param name="other">at least as long</param>
    public static void Add(Span<float> sum, ReadOnlySpan<float> other)
    {
        ref float s = ref MemoryMarshal.GetReference(sum),
            o = ref MemoryMarshal.GetReference(other[..sum.Length]);
        int i = 0;
        for (; i <= sum.Length - 16; i += 16)
        {
            (Vector512.LoadUnsafe(ref s, (nuint)i) + Vector512.LoadUnsafe(ref o, (nuint)i)).StoreUnsafe(ref s, (nuint)i);
        }
        for (; i < sum.Length; i++)
        {
            sum[i] += other[i];
        }
    }
}
