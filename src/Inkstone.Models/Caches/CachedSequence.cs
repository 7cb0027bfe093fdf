using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A sequence in a <see cref="PagedCache"/>: how many of its tokens were computed, and where they lie.</summary>
public sealed class CachedSequence : IDisposable
{
    private readonly PagedCache _cache;
    private readonly int[] _held; // blocks of each group, those that were returned already included
    private int _retractable; // last tokens behind each of which there is a state of its own
    private int _published; // full blocks that can be found by their names
    private UInt128 _name; // of the last of them

    internal CachedSequence(PagedCache cache, int slot, int[] spare, UInt128 name)
    {
        (_cache, Slot, Spare, _name) = (cache, slot, spare, name);
        _held = new int[cache.Groups.Length];
        Tables = Array.ConvertAll(cache.Groups, _ => Array.Empty<int>());
    }

    /// <summary>Tokens computed.</summary>
    public int Length { get; private set; }

    /// <summary>Where its state lies: that before the tokens that may be taken back.</summary>
    internal int Slot { get; private set; }

    /// <summary>Where the states behind each of those lie.</summary>
    internal int[] Spare { get; }

    /// <summary>Of each group of layers the block of every sixteen tokens, or of as many as its blocks hold; −1 where no later token
    /// looks.</summary>
    internal int[][] Tables { get; }

    /// <summary>The cache that holds it.</summary>
    internal PagedCache Cache => _cache;

    /// <summary>Sets memory aside for <paramref name="tokens"/> more tokens; false, and nothing has changed, where there is not
    /// enough.</summary>
    public bool TryReserve(int tokens)
    {
        ReturnUnseen();
        int sixteens = (Length + tokens + RaggedRows.BlockTokens - 1) / RaggedRows.BlockTokens;
        for (int g = 0; g < Tables.Length; g++)
        {
            if (_cache.Groups[g].BlocksOf(sixteens) - _held[g] > _cache.Groups[g].Pool.FreeCount)
            {
                return false;
            }
        }
        for (int g = 0; g < Tables.Length; g++)
        {
            for (int i = _held[g]; i < _cache.Groups[g].BlocksOf(sixteens); i++)
            {
                SetBlock(g, i, _cache.Groups[g].Pool.Take());
            }
        }
        return true;
    }

    /// <summary>Goes back to a shorter text; false where that is impossible because a state, or blocks that a window has left, are gone.
    /// Tokens that could be taken back and are not are there for good.</summary>
    public bool TryTruncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        int back = Length - length;
        bool possible = back == 0 || ((!_cache.HasState || back <= _retractable) && length / RaggedRows.BlockTokens >= _published);
        for (int g = 0; g < Tables.Length && possible; g++)
        {
            int first = _cache.Groups[g].FirstBlock(length);
            possible = length == 0 || Tables[g][first] >= 0;
        }
        if (possible)
        {
            if (_cache.HasState && _retractable > back)
            {
                (Slot, Spare[_retractable - back - 1]) = (Spare[_retractable - back - 1], Slot);
            }
            (Length, _retractable) = (length, 0);
        }
        return possible;
    }

    /// <summary>Lets other sequences find the blocks that <paramref name="ids"/> have filled by now, and the state where it stands at the
    /// end of one.</summary>
    /// <param name="ids">at least the tokens that were computed</param>
    public void Publish(ReadOnlySpan<int> ids)
    {
        int full = Length / RaggedRows.BlockTokens;
        for (; _published < full; _published++)
        {
            _name = PagedCache.NameOf(_name, ids.Slice(_published * RaggedRows.BlockTokens, RaggedRows.BlockTokens));
            for (int g = 0; g < Tables.Length; g++)
            {
                (int block, int within) = Math.DivRem(_published, _cache.Groups[g].Sixteens);
                if (within == _cache.Groups[g].Sixteens - 1 && Tables[g][block] >= 0)
                {
                    _cache.Groups[g].Pool.Name(Tables[g][block], _name);
                }
            }
        }
        if (_cache.HasState && full > 0 && Length == full * RaggedRows.BlockTokens)
        {
            _cache.KeepState(Slot, _name);
        }
    }

    /// <summary>Begins with the first <paramref name="blocks"/> sixteens of tokens of another sequence.</summary>
    internal void Begin(int blocks, UInt128 name, Func<int, int, int> find)
    {
        for (int g = 0; g < Tables.Length; g++)
        {
            for (int i = 0; i < blocks / _cache.Groups[g].Sixteens; i++)
            {
                int block = i < _cache.Groups[g].FirstBlock(blocks * RaggedRows.BlockTokens) ? -1 : find(g, i);
                SetBlock(g, i, block);
                if (block >= 0)
                {
                    _cache.Groups[g].Pool.Share(block);
                }
            }
        }
        (Length, _published, _name) = (blocks * RaggedRows.BlockTokens, blocks, name);
    }

    /// <summary>Counts tokens that every layer has taken in, of which the last may be taken back.</summary>
    internal void Advance(int tokens, int retractable) => (Length, _retractable) = (Length + tokens, retractable);

    /// <summary>Returns blocks at which no later token looks. Not before the next step: until then they can be published.</summary>
    private void ReturnUnseen()
    {
        for (int g = 0; g < Tables.Length; g++)
        {
            for (int i = Math.Min(_cache.Groups[g].FirstBlock(Length), _held[g]) - 1; i >= 0 && Tables[g][i] >= 0; i--)
            {
                _cache.Groups[g].Pool.Return(Tables[g][i]);
                Tables[g][i] = -1;
            }
        }
    }

    /// <summary>Gives its memory back. What was published can still be found until the memory is used for something else.</summary>
    public void Dispose()
    {
        for (int g = 0; g < Tables.Length; g++)
        {
            // The end first: of two texts that begin alike the common part is wanted again.
            for (int i = _held[g] - 1; i >= 0; i--)
            {
                if (Tables[g][i] >= 0)
                {
                    _cache.Groups[g].Pool.Return(Tables[g][i]);
                }
            }
            Tables[g] = [];
        }
        _held.AsSpan().Clear();
        _cache.Release(this);
    }

    private void SetBlock(int group, int index, int block)
    {
        if (index >= Tables[group].Length)
        {
            Array.Resize(ref Tables[group], Math.Max(index + 1, _cache.LongestBlocks));
        }
        Tables[group][index] = block;
        _held[group] = index + 1;
    }
}
