using System.Numerics;

namespace Inkstone.Data;

/// <summary>A set of shingles that counts what another text shares with it. Neither filling nor counting clears the table: slots carry the
/// number of the call that wrote them.</summary>
internal sealed class ShingleSet
{
    private ulong[] _hashes = new ulong[1024];
    private int[] _marks = new int[1024];
    private int _filled,
        _call;

    /// <summary>Different shingles in the set.</summary>
    public int Count { get; private set; }

    /// <summary>Makes this the set of these hashes.</summary>
    public void Fill(ReadOnlySpan<ulong> hashes)
    {
        if (_hashes.Length < 2 * hashes.Length || _call > int.MaxValue - 2)
        {
            int size = Math.Max(_hashes.Length, (int)BitOperations.RoundUpToPowerOf2((uint)(2 * hashes.Length)));
            (_hashes, _marks, _call) = (new ulong[size], new int[size], 0);
        }
        _filled = ++_call;
        Count = 0;
        foreach (ulong hash in hashes)
        {
            int slot = Find(hash);
            if (_marks[slot] >= _filled)
            {
                continue;
            }
            (_hashes[slot], _marks[slot]) = (hash, _filled);
            Count++;
        }
    }

    /// <summary>How many of the set's shingles are among these hashes.</summary>
    public int Common(ReadOnlySpan<ulong> hashes)
    {
        if (_call == int.MaxValue)
        {
            throw new InvalidOperationException("A set was compared too often.");
        }
        int call = ++_call,
            common = 0;
        foreach (ulong hash in hashes)
        {
            int slot = Find(hash);
            if (_marks[slot] < _filled || _marks[slot] == call)
            {
                continue;
            }
            _marks[slot] = call;
            common++;
        }
        return common;
    }

    /// <summary>The slot of a hash, or the free one where it would lie.</summary>
    private int Find(ulong hash)
    {
        int mask = _hashes.Length - 1,
            slot = (int)hash & mask;
        while (_marks[slot] >= _filled && _hashes[slot] != hash)
        {
            slot = (slot + 1) & mask;
        }
        return slot;
    }
}
