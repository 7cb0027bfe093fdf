using System.Numerics;

namespace Inkstone.Data;

/// <summary>
/// Packs samples into rows of one length by best fit in decreasing order: the longest sample first, each into the fullest row that still
/// has room for it (Johnson 1973; at most 11/9 of the fewest rows, plus one). O(n log n), and the same for the same lengths.
/// </summary>
internal static class BestFitPacking
{
    /// <summary>
    /// Sample indexes of each row, ascending; every sample is in one row. The fullest rows tend to come first: shuffle them before
    /// training.
    /// </summary>
    /// <exception cref="ArgumentException">A sample is longer than a row or has no length: longer ones are the caller's to cut or to leave
    /// out.</exception>
    public static int[][] Pack(ReadOnlySpan<int> lengths, int rowLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rowLength, 1);
        int[] rowOf = new int[lengths.Length];
        int[] sizes = new int[lengths.Length];
        OpenRows open = new(rowLength, lengths.Length);
        int rows = 0;
        foreach (int sample in Descending(lengths, rowLength))
        {
            (int row, int room) = open.TryTake(lengths[sample], out int found, out int left) ? (found, left) : (rows++, rowLength);
            rowOf[sample] = row;
            sizes[row]++;
            open.Add(row, room - lengths[sample]);
        }
        int[][] packed = new int[rows][];
        for (int row = 0; row < rows; row++)
        {
            packed[row] = new int[sizes[row]];
        }
        for (int sample = lengths.Length - 1; sample >= 0; sample--)
        {
            packed[rowOf[sample]][--sizes[rowOf[sample]]] = sample;
        }
        return packed;
    }

    /// <summary>Sample indexes by decreasing length, by index among equals (counted, not compared).</summary>
    private static int[] Descending(ReadOnlySpan<int> lengths, int rowLength)
    {
        int[] ends = new int[rowLength + 2];
        foreach (int length in lengths)
        {
            if (length < 1 || length > rowLength)
            {
                throw new ArgumentException(
                    $"A sample of {length} tokens does not fit into rows of {rowLength}: cut it or leave it out.",
                    nameof(lengths)
                );
            }
            ends[rowLength - length + 1]++;
        }
        for (int i = 1; i < ends.Length; i++)
        {
            ends[i] += ends[i - 1];
        }
        int[] order = new int[lengths.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            order[ends[rowLength - lengths[i]]++] = i;
        }
        return order;
    }

    /// <summary>Rows with room, in one stack for each room; a binary tree over the rooms finds the smallest that is large enough.</summary>
    private sealed class OpenRows
    {
        private readonly int _leaves;
        private readonly bool[] _any;
        private readonly int[] _top;
        private readonly int[] _below;

        public OpenRows(int rowLength, int rows)
        {
            _leaves = (int)BitOperations.RoundUpToPowerOf2((uint)rowLength + 1);
            _any = new bool[2 * _leaves];
            _top = new int[rowLength + 1];
            _below = new int[rows];
            Array.Fill(_top, -1);
        }

        public void Add(int row, int room)
        {
            (_below[row], _top[room]) = (_top[room], row);
            for (int node = _leaves + room; node > 0 && !_any[node]; node >>= 1)
            {
                _any[node] = true;
            }
        }

        public bool TryTake(int length, out int row, out int room)
        {
            int node = _leaves + length;
            while (node > 1 && !_any[node]) // Up to the first subtree on the right that holds a row.
            {
                while (node > 1 && (node & 1) == 1)
                {
                    node >>= 1;
                }
                if (node > 1)
                {
                    node++;
                }
            }
            (row, room) = (-1, 0);
            if (node <= 1)
            {
                return false;
            }
            while (node < _leaves)
            {
                node = _any[2 * node] ? 2 * node : 2 * node + 1;
            }
            room = node - _leaves;
            row = _top[room];
            _top[room] = _below[row];
            for (; node > 0 && _top[room] < 0; node >>= 1)
            {
                _any[node] = node < _leaves && (_any[2 * node] || _any[2 * node + 1]);
                if (_any[node])
                {
                    break;
                }
            }
            return true;
        }
    }
}
