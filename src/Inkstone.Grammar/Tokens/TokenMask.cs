using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>
/// One sequence held to a grammar: which tokens may come next, and what the tokens so far have led to. Special tokens are never allowed,
/// but for the end
/// tokens where the grammar may end and those that the grammar itself names. Not for several threads at once.
/// </summary>
public sealed partial class TokenMask
{
    private readonly CompiledGrammar _grammar;
    private readonly int[] _endTokens;
    private readonly StackSet _set;
    private readonly PropertyNames _names;
    private readonly HashSet<(int, Exits)> _followed = [];
    private readonly ulong[] _one;
    private Before[] _history = new Before[64];
    private readonly Action<int> _forbid;

    private record struct Before(StackSet.Mark Mark, int Length, int Names, bool Finished);

    internal TokenMask(CompiledGrammar grammar, int[] endTokens)
    {
        (_grammar, _endTokens, _set, _names) = (grammar, endTokens, new StackSet(), new PropertyNames());
        _one = new ulong[grammar.Vocabulary.MaskLength];
        _forbid = Forbid;
        _set.Names = _names;
        _set.Reset(grammar.Start);
    }

    private TokenMask(TokenMask other)
    {
        (_grammar, _endTokens, _set, _names, _history) = (
            other._grammar,
            other._endTokens,
            other._set.Clone(),
            other._names.Clone(),
            [.. other._history]
        );
        _one = new ulong[_grammar.Vocabulary.MaskLength];
        (_forbid, _set.Names, Count, IsFinished) = (Forbid, _names, other.Count, other.IsFinished);
    }

    /// <summary>Tokens accepted so far.</summary>
    public int Count { get; private set; }

    /// <summary>Whether an end token has been accepted.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>Whether the text so far is whole.</summary>
    public bool CanEnd => !IsFinished && _set.Ended;

    /// <summary>Whether nothing may follow but an end token.</summary>
    public bool MustEnd => IsFinished || !HasMoves();

    /// <summary>Sets the bits of the tokens that may come next, and clears all others.</summary>
    /// <param name="mask">[<see cref="TokenVocabulary.MaskLength"/>] or more; bit i of word j is token 64 j + i</param>
    public void Fill(Span<ulong> mask)
    {
        if (mask.Length < _grammar.Vocabulary.MaskLength)
        {
            throw new ArgumentException(
                $"a mask over {_grammar.Vocabulary.Size} tokens needs {_grammar.Vocabulary.MaskLength} words of 64 bits, not {mask.Length}.",
                nameof(mask)
            );
        }
        mask.Clear();
        if (IsFinished)
        {
            return;
        }
        _followed.Clear();
        for (int i = _set.Begin; i < _set.End; i++)
        {
            (State state, int frame) = (_set.StateAt(i), _set.FrameAt(i));
            Moves moves = state.Moves;
            foreach ((string token, _) in moves.Tokens)
            {
                Set(mask, SpecialId(token));
            }
            if (moves.Next is not null)
            {
                Add(mask, _grammar.Mask(state), frame);
            }
        }
        RemoveDoubles(mask);
        if (_set.Ended)
        {
            foreach (int id in _endTokens)
            {
                Set(mask, id);
            }
        }
    }

    /// <summary>Takes a token; false, and nothing has changed, where it may not come.</summary>
    public bool Accept(int token)
    {
        if (IsFinished)
        {
            return false;
        }
        Before before = new(_set.Here, _names.Length, _names.Count, false);
        if (Take(token, before))
        {
            if (!IsFinished)
            {
                _set.Compact(before.Mark.End);
            }
            if (Count == _history.Length)
            {
                Array.Resize(ref _history, 2 * Count);
            }
            _history[Count++] = before;
            return true;
        }
        Return(before);
        return false;
    }

    /// <summary>Takes back the last tokens.</summary>
    /// <param name="tokens">how many; at most <see cref="Count"/></param>
    public void Rollback(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, Count);
        if (tokens > 0)
        {
            Count -= tokens;
            Return(_history[Count]);
        }
    }

    /// <summary>A sequence of its own that goes on from here.</summary>
    public TokenMask Clone() => new(this);

    /// <summary>The only token that may come next, or -1 where there are several.</summary>
    public int ForcedToken()
    {
        Fill(_one);
        int found = -1;
        for (int i = 0; i < _one.Length; i++)
        {
            if (_one[i] != 0)
            {
                if (found >= 0 || BitOperations.PopCount(_one[i]) > 1)
                {
                    return -1;
                }
                found = (i << 6) + BitOperations.TrailingZeroCount(_one[i]);
            }
        }
        return found;
    }

    /// <summary>The bytes that must come next, whatever the model prefers; empty where there is a choice. Encoded, they need not be
    /// computed one by one.</summary>
    public byte[] ForcedText()
    {
        List<byte> text = [];
        Before before = new(_set.Here, _names.Length, _names.Count, IsFinished);
        while (!IsFinished && text.Count < 4096 && OnlyByte() is var b and >= 0)
        {
            _names.Push((byte)b);
            if (!_set.Step((byte)b))
            {
                break; // the only way on would double a name, which the mask forbids too
            }
            text.Add((byte)b);
        }
        Return(before);
        return [.. text];
    }

    private bool Take(int token, in Before before)
    {
        if (_set.Ended && Array.IndexOf(_endTokens, token) >= 0)
        {
            IsFinished = true;
            return true;
        }
        if (!_grammar.Vocabulary.Tokenizer.Exists(token))
        {
            return false;
        }
        if (_grammar.Vocabulary.Tokenizer.IsSpecial(token))
        {
            _names.Push(0);
            return _set.Step(_grammar.Vocabulary.Tokenizer.IdToToken(token));
        }
        return Take(_grammar.Vocabulary.Tokenizer.TokenBytes(token));
    }

    private bool Take(ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            _names.Push(b);
            if (!_set.Step(b))
            {
                return false;
            }
        }
        return bytes.Length > 0 && !(_grammar.Space.HasBoundedNames && _names.IsDead(_set));
    }

    private void Return(in Before before)
    {
        _set.Return(before.Mark);
        _names.Return(before.Length, before.Names);
        IsFinished = before.Finished;
    }

    private void Add(Span<ulong> mask, MaskPart part, int frame)
    {
        if (part.Dense is { } dense)
        {
            Or(mask, dense);
        }
        foreach (int id in part.Ids)
        {
            mask[id >> 6] |= 1UL << id;
        }
        if (part.Exits is { } exits && frame > 0 && _followed.Add((frame, exits)))
        {
            for (int link = _set.FirstLink(frame); link >= 0; link = _set.Link(link).Next)
            {
                (State then, int caller, _) = _set.Link(link);
                Add(mask, _grammar.Mask(then, exits), caller);
            }
        }
    }

    private static void Or(Span<ulong> mask, ReadOnlySpan<ulong> other)
    {
        int i = 0;
        for (; i <= other.Length - Vector<ulong>.Count; i += Vector<ulong>.Count)
        {
            (new Vector<ulong>(mask[i..]) | new Vector<ulong>(other[i..])).CopyTo(mask[i..]);
        }
        for (; i < other.Length; i++)
        {
            mask[i] |= other[i];
        }
    }

    private void Set(Span<ulong> mask, int id)
    {
        if ((uint)id < (uint)_grammar.Vocabulary.Size)
        {
            mask[id >> 6] |= 1UL << id;
        }
    }

    private int SpecialId(string token) => _grammar.Vocabulary.Tokenizer.TokenToId(token) ?? -1;

    private bool HasMoves()
    {
        for (int i = _set.Begin; i < _set.End; i++)
        {
            if (_set.StateAt(i).Moves is { } moves && (moves.Next is not null || moves.Tokens.Length > 0))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The only byte that may come next, or -1.</summary>
    private int OnlyByte()
    {
        int found = -1;
        if (_set.Ended)
        {
            return -1;
        }
        for (int i = _set.Begin; i < _set.End; i++)
        {
            Moves moves = _set.StateAt(i).Moves;
            if (moves.Tokens.Length > 0)
            {
                return -1;
            }
            for (int b = 0; moves.Next is { } next && b < 256; b++)
            {
                if (next[b] is not null && found != b)
                {
                    if (found >= 0)
                    {
                        return -1;
                    }
                    found = b;
                }
            }
        }
        return found;
    }
}
