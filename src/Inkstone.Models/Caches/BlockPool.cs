namespace Inkstone.Models;

/// <summary>
/// Numbers 0 … n − 1 of blocks or slots: taken, shared and returned. One that nobody uses keeps its name, and can be found by it, until it
/// is taken for something else;
/// the one unused for longest goes first. Nothing is allocated after construction.
/// </summary>
/// <remarks>
/// The machine gives memory when it is first used. So numbers that were never used are left alone once <see cref="IdleBlocks"/>, or twice
/// as many as were ever needed at once, have been:
/// a server's memory stops growing there, and what it remembers of earlier texts is bounded by it.
/// </remarks>
internal sealed class BlockPool
{
    /// <summary>Blocks that may be used though older ones could be taken again: 16,384 tokens.</summary>
    private const int IdleBlocks = 1024;

    private readonly int[] _users,
        _next,
        _previous; // the unused ones that were used before are a list, from the one unused for longest; its ends are at index n
    private readonly UInt128[] _names;
    private readonly Dictionary<UInt128, int> _byName;
    private readonly int _end;
    private int _fresh,
        _listed,
        _most; // first number never used, length of the list, most in use at once

    public BlockPool(int count)
    {
        _end = count;
        (_users, _names, _next, _previous) = (new int[count], new UInt128[count], new int[count + 1], new int[count + 1]);
        _byName = new Dictionary<UInt128, int>(count);
        (_next[_end], _previous[_end]) = (_end, _end);
    }

    /// <summary>All of them.</summary>
    public int Count => _end;

    /// <summary>Those that nobody uses.</summary>
    public int FreeCount => _listed + _end - _fresh;

    /// <summary>One for the caller alone; −1 when all are in use.</summary>
    public int Take()
    {
        if (FreeCount == 0)
        {
            return -1;
        }
        int block;
        if (_listed > 0 && (_fresh == _end || _fresh >= Math.Max(IdleBlocks, 2 * _most)))
        {
            block = _next[_end];
            Forget(block);
            Share(block);
        }
        else
        {
            block = _fresh++;
            _users[block] = 1;
        }
        _most = Math.Max(_most, _fresh - _listed);
        return block;
    }

    /// <summary>One more user of a block that is in use or was found by its name.</summary>
    public void Share(int block)
    {
        if (_users[block]++ == 0)
        {
            (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
            _listed--;
        }
    }

    /// <summary>One user less.</summary>
    public void Return(int block)
    {
        if (--_users[block] == 0)
        {
            int last = _previous[_end];
            (_next[last], _previous[block], _next[block], _previous[_end]) = (block, last, _end, block);
            _listed++;
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
