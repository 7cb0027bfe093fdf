using System.Numerics;

namespace Inkstone.Text;

/// <summary>
/// Rank of each mergeable pair of tokens, and what it makes. Open addressing at a load of at most one half, behind a filter of a
/// bit for each hash value: most pairs that are asked for are never merged, and the filter that says so stays in the nearest cache.
/// </summary>
internal sealed class PairRanks
{
    /// <summary>Rank of a pair that is never merged; larger than any real rank.</summary>
    public const int None = int.MaxValue;

    private readonly (ulong Pair, int Rank)[] _slots;
    private readonly int _shift;
    private readonly ulong[] _filter;
    private readonly int _filterShift;
    private readonly int[] _merged;

    public PairRanks(IReadOnlyList<(int Left, int Right, int Merged)> merges)
    {
        int bits = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(8, merges.Count))) + 1;
        _slots = new (ulong, int)[1 << bits];
        Array.Fill(_slots, (ulong.MaxValue, None));
        _shift = 64 - bits;
        _filter = new ulong[Math.Max(1, 1 << (bits + 3 - 6))];
        _filterShift = 64 - (bits + 3);
        _merged = new int[merges.Count];
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (int left, int right, _merged[rank]) = merges[rank];
            ulong pair = Key(left, right);
            int slot = Slot(pair);
            while (_slots[slot].Pair != pair && _slots[slot].Pair != ulong.MaxValue)
            {
                slot = (slot + 1) & (_slots.Length - 1);
            }
            // Of a pair that is listed twice the later rank counts, as in Hugging Face.
            _slots[slot] = (pair, rank);
            ulong bit = Mix(pair) >> _filterShift;
            _filter[bit >> 6] |= 1UL << (int)bit;
        }
    }

    public int Count => _merged.Length;

    public int Merged(int rank) => _merged[rank];

    public int Rank(int left, int right)
    {
        ulong pair = Key(left, right);
        ulong mixed = Mix(pair),
            bit = mixed >> _filterShift;
        if ((_filter[bit >> 6] & (1UL << (int)bit)) == 0)
        {
            return None;
        }
        (ulong Pair, int Rank)[] slots = _slots;
        for (int slot = (int)(mixed >> _shift); ; slot = (slot + 1) & (slots.Length - 1))
        {
            ref readonly (ulong Pair, int Rank) entry = ref slots[slot];
            if (entry.Pair == pair)
            {
                return entry.Rank;
            }
            if (entry.Pair == ulong.MaxValue)
            {
                return None;
            }
        }
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Slot(ulong pair) => (int)(Mix(pair) >> _shift);

    private static ulong Mix(ulong pair) => (pair ^ (pair >> 29)) * 0x9E3779B97F4A7C15;
}
