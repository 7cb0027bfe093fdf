namespace Inkstone.Models;

/// <summary>
/// Numbers 0 … n − 1 of blocks or slots: taken, shared and returned. One that nobody uses keeps its name, and can be found by it, until it is taken for something else;
/// the one unused for longest goes first. Nothing is allocated after construction.
/// </summary>
internal sealed class BlockPool
{
    private readonly int[] _users, _next, _previous;    // the unused ones are a list, from the one unused for longest; its ends are at index n
    private readonly UInt128[] _names;
    private readonly Dictionary<UInt128, int> _byName;
    private readonly int _end;

    public BlockPool(int count)
    {
        (_end, FreeCount) = (count, count);
        (_users, _names, _next, _previous) = (new int[count], new UInt128[count], new int[count + 1], new int[count + 1]);
        _byName = new Dictionary<UInt128, int>(count);
        for (int i = 0; i <= count; i++)
        {
            (_next[i], _previous[i]) = ((i + 1) % (count + 1), (i + count) % (count + 1));
        }
    }

    /// <summary>All of them.</summary>
    public int Count => _end;

    /// <summary>Those that nobody uses.</summary>
    public int FreeCount { get; private set; }

    /// <summary>One for the caller alone; −1 when all are in use.</summary>
    public int Take()
    {
        if (FreeCount == 0)
        {
            return -1;
        }
        int block = _next[_end];
        Forget(block);
        Share(block);
        return block;
    }

    /// <summary>One more user of a block that is in use or was found by its name.</summary>
    public void Share(int block)
    {
        if (_users[block]++ == 0)
        {
            (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
            FreeCount--;
        }
    }

    /// <summary>One user less.</summary>
    public void Return(int block)
    {
        if (--_users[block] == 0)
        {
            int last = _previous[_end];
            (_next[last], _previous[block], _next[block], _previous[_end]) = (block, last, _end, block);
            FreeCount++;
        }
    }

    /// <summary>Lets a block be found; of several with one name the first is.</summary>
    public void Name(int block, UInt128 name)
    {
        if (_names[block] == default && _byName.TryAdd(name, block))
        {
            _names[block] = name;
        }
    }

    /// <summary>The block of a name; −1 when there is none.</summary>
    public int Find(UInt128 name) => _byName.GetValueOrDefault(name, -1);

    private void Forget(int block)
    {
        if (_names[block] != default)
        {
            _byName.Remove(_names[block]);
            _names[block] = default;
        }
    }
}
