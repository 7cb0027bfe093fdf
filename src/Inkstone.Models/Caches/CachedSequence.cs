using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A sequence in a <see cref="PagedCache"/>: how many of its tokens were computed, and where they lie.</summary>
public sealed class CachedSequence : IDisposable
{
    private readonly PagedCache _cache;
    private readonly int[] _held; // blocks of each group, those that were returned already included
    private int _published; // full blocks that can be found by their names
    private UInt128 _name; // of the last of them

    internal CachedSequence(PagedCache cache, int slot, UInt128 name)
    {
        (_cache, Slot, _name) = (cache, slot, name);
        _held = new int[cache.Groups.Length];
        Tables = Array.ConvertAll(cache.Groups, _ => Array.Empty<int>());
    }

    /// <summary>Tokens computed.</summary>
    public int Length { get; private set; }

    /// <summary>Where its state lies.</summary>
    internal int Slot { get; }

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

    /// <summary>Goes back to a shorter text; false where that is impossible because a state, or blocks that a window has left, are
    /// gone.</summary>
    public bool TryTruncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        bool possible = length == Length || (!_cache.HasState && length / RaggedRows.BlockTokens >= _published);
        for (int g = 0; g < Tables.Length && possible; g++)
        {
            int first = _cache.Groups[g].FirstBlock(length);
            possible = length == 0 || Tables[g][first] >= 0;
        }
        Length = possible ? length : Length;
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

    /// <summary>Counts tokens that every layer has taken in.</summary>
    internal void Advance(int tokens) => Length += tokens;

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
