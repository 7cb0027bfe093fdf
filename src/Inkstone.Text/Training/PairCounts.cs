namespace Inkstone.Text;

/// <summary>How often each pair of neighbouring tokens stands in the corpus, in 64 bits: open addressing over flat arrays.</summary>
internal sealed class PairCounts
{
    private const ulong Empty = ulong.MaxValue;

    private ulong[] _keys = NewKeys(1 << 16);
    private long[] _counts = new long[1 << 16];
    private int _used;

    public static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    public long this[ulong pair]
    {
        get
        {
            int slot = Find(pair);
            return _keys[slot] == pair ? _counts[slot] : 0;
        }
    }

    /// <summary>Adds to a pair's count and returns the new count.</summary>
    public long Add(ulong pair, long change)
    {
        int slot = Find(pair);
        if (_keys[slot] != pair)
        {
            if (++_used * 2L > _keys.Length)
            {
                Grow();
                slot = Find(pair);
            }
            _keys[slot] = pair;
        }
        return _counts[slot] += change;
    }

    private int Find(ulong pair)
    {
        int mask = _keys.Length - 1;
        int slot = (int)(Math.BigMul(pair, 0x9E3779B97F4A7C15, out ulong low) ^ low) & mask;
        while (_keys[slot] != pair && _keys[slot] != Empty)
        {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private void Grow()
    {
        (ulong[] keys, long[] counts) = (_keys, _counts);
        (_keys, _counts) = (NewKeys(keys.Length * 2), new long[keys.Length * 2]);
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] != Empty)
            {
                int slot = Find(keys[i]);
                (_keys[slot], _counts[slot]) = (keys[i], counts[i]);
            }
        }
    }

    private static ulong[] NewKeys(int length)
    {
        ulong[] keys = new ulong[length];
        Array.Fill(keys, Empty);
        return keys;
    }
}
