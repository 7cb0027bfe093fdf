using System.Numerics;

namespace Inkstone.Data;

/// <summary>Best-fit-decreasing bin packing: the longest example first, each into the fullest row that still has room for it (arXiv:2404.10830, section 2).</summary>
public static class BestFitPacking
{
    /// <summary>Rows of example indexes, none longer than <paramref name="capacity"/>; the same for the same lengths.</summary>
    /// <exception cref="ArgumentException">An example is longer than a row.</exception>
    public static IReadOnlyList<int[]> Rows(IReadOnlyList<int> lengths, int capacity)
    {
        int[] order = [.. Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i])];
        List<List<int>> rows = [];
        Rooms rooms = new(capacity);
        foreach (int example in order)
        {
            int length = lengths[example];
            if (length > capacity)
            {
                throw new ArgumentException($"Example {example} has {length} tokens and fits no row of {capacity}.", nameof(lengths));
            }
            int room = rooms.AtLeast(length);
            int row = room < 0 ? rows.Count : rooms.Take(room);
            if (room < 0)
            {
                rows.Add([]);
                room = capacity;
            }
            rows[row].Add(example);
            rooms.Put(room - length, row);
        }
        return [.. rows.Select(row => row.ToArray())];
    }

    /// <summary>Rows by the room that is left in them, and a bit for every room that some row has, so that the smallest sufficient one is found by words.</summary>
    private sealed class Rooms(int capacity)
    {
        private readonly Stack<int>?[] _rows = new Stack<int>?[capacity + 1];
        private readonly ulong[] _bits = new ulong[capacity / 64 + 1];

        public int AtLeast(int room)
        {
            int word = room / 64;
            ulong bits = _bits[word] & (ulong.MaxValue << (room % 64));
            while (bits == 0)
            {
                if (++word == _bits.Length)
                {
                    return -1;
                }
                bits = _bits[word];
            }
            return word * 64 + BitOperations.TrailingZeroCount(bits);
        }

        public int Take(int room)
        {
            Stack<int> rows = _rows[room]!;
            int row = rows.Pop();
            if (rows.Count == 0)
            {
                _bits[room / 64] &= ~(1UL << (room % 64));
            }
            return row;
        }

        public void Put(int room, int row)
        {
            (_rows[room] ??= new Stack<int>()).Push(row);
            _bits[room / 64] |= 1UL << (room % 64);
        }
    }
}
