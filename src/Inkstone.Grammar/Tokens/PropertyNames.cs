namespace Inkstone.Grammar;

/// <summary>
/// The names of properties written so far in each open object. Names that a schema declares are counted by the automaton; of the others
/// there is no end, so
/// they are compared here. Names have one spelling (<see cref="TextState"/>), so equal names are equal bytes.
/// </summary>
internal sealed class PropertyNames
{
    private byte[] _text = new byte[256];
    private (int Frame, int Begin, int End)[] _names = new (int, int, int)[16];
    private int _count;

    public int Length { get; private set; }

    public int Count => _count;

    /// <summary>Whether an open or closed object has names.</summary>
    public bool Any => _count > 0;

    public void Push(byte b)
    {
        if (Length == _text.Length)
        {
            Array.Resize(ref _text, 2 * Length);
        }
        _text[Length++] = b;
    }

    public void Return(int length, int count) => (Length, _count) = (length, count);

    /// <summary>Whether the name that a frame spells may end with the newest byte, its quotation mark: it is new in each of the objects
    /// that it belongs to.</summary>
    public bool MayEnd(StackSet set, int frame)
    {
        (int begin, int end) = (set.BeginOf(frame), set.Position - 1);
        ReadOnlySpan<byte> name = _text.AsSpan(begin..end);
        int known = _count;
        for (int link = set.FirstLink(frame); link >= 0; link = set.Link(link).Next)
        {
            int caller = set.Link(link).Caller;
            bool noted = false;
            for (int i = known - 1; i >= 0; i--)
            {
                (int owner, int b, int e) = _names[i];
                if (owner != caller)
                {
                    continue;
                }
                if (e == end)
                {
                    noted = true;
                }
                else if (_text.AsSpan(b..e).SequenceEqual(name))
                {
                    _count = known;
                    return false;
                }
            }
            if (!noted)
            {
                if (_count == _names.Length)
                {
                    Array.Resize(ref _names, 2 * _count);
                }
                _names[_count++] = (caller, begin, end);
            }
        }
        return true;
    }

    /// <summary>What would complete, with a quotation mark, a name that the object of a frame already has: the nodes of those tokens go to
    /// <paramref name="forbid"/>.</summary>
    public void Doubles(StackSet set, int frame, TokenTrie trie, Action<int> forbid)
    {
        ReadOnlySpan<byte> begun = _text.AsSpan(set.BeginOf(frame)..set.Position);
        for (int link = set.FirstLink(frame); link >= 0; link = set.Link(link).Next)
        {
            int caller = set.Link(link).Caller;
            for (int i = 0; i < _count; i++)
            {
                (int owner, int b, int e) = _names[i];
                if (
                    owner == caller
                    && _text.AsSpan(b..e).StartsWith(begun)
                    && trie.Find(0, _text.AsSpan(b..e)[begun.Length..]) is var node and >= 0
                    && trie.Find(node, "\""u8) is var quoted and >= 0
                )
                {
                    forbid(quoted);
                }
            }
        }
    }

    /// <summary>Whether a name anywhere begins so.</summary>
    public bool AnyBegins(ReadOnlySpan<byte> begin)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_text.AsSpan(_names[i].Begin.._names[i].End).StartsWith(begin))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Whether the place is within a name of which every completion has been used in its object, so that no text leads out of
    /// it.</summary>
    public bool IsDead(StackSet set)
    {
        int frame = NameFrame(set);
        if (frame < 0 || !IsPrefix(set, frame))
        {
            return false;
        }
        (StackSet.Mark mark, int length, int count) = (set.Here, Length, _count);
        bool dead = true;
        for (int b = 0; b < 256 && dead; b++)
        {
            if (MayTake(set, b))
            {
                Push((byte)b);
                dead = !set.Step((byte)b) || IsDead(set);
                set.Return(mark);
                Return(length, count);
            }
        }
        return dead;
    }

    /// <summary>The nodes of tokens that would lead into a name of which every completion has been used.</summary>
    public void DeadEnds(StackSet set, TokenTrie trie, Action<int> forbid)
    {
        int frame = NameFrame(set);
        if (frame < 0)
        {
            return;
        }
        (StackSet.Mark mark, int length, int count) = (set.Here, Length, _count);
        int begun = set.Position - set.BeginOf(frame);
        for (int link = set.FirstLink(frame); link >= 0; link = set.Link(link).Next)
        {
            for (int i = 0; i < count; i++)
            {
                (int owner, int b, int e) = _names[i];
                if (owner != set.Link(link).Caller || e - b <= begun || !_text.AsSpan(b..e).StartsWith(_text.AsSpan(length - begun, begun)))
                {
                    continue;
                }
                for (int at = b + begun; at < e; at++)
                {
                    Push(_text[at]);
                    if (!set.Step(_text[at]))
                    {
                        break;
                    }
                    if (IsDead(set) && trie.Find(0, _text.AsSpan(b + begun, at + 1 - b - begun)) is var node and >= 0)
                    {
                        forbid(node);
                        break;
                    }
                }
                set.Return(mark);
                Return(length, count);
            }
        }
    }

    private static int NameFrame(StackSet set)
    {
        for (int i = set.Begin; i < set.End; i++)
        {
            if (set.StateAt(i).Moves.Next is not null && set.StartOf(set.FrameAt(i)).IsName)
            {
                return set.FrameAt(i);
            }
        }
        return -1;
    }

    private bool IsPrefix(StackSet set, int frame)
    {
        ReadOnlySpan<byte> begun = _text.AsSpan(set.BeginOf(frame)..set.Position);
        for (int link = set.FirstLink(frame); link >= 0; link = set.Link(link).Next)
        {
            for (int i = 0; i < _count; i++)
            {
                if (_names[i].Frame == set.Link(link).Caller && _text.AsSpan(_names[i].Begin.._names[i].End).StartsWith(begun))
                {
                    return true;
                }
            }
        }
        return false;
    }

    private static bool MayTake(StackSet set, int b)
    {
        for (int i = set.Begin; i < set.End; i++)
        {
            if (set.StateAt(i).Moves.Next?[b] is not null)
            {
                return true;
            }
        }
        return false;
    }

    public PropertyNames Clone() =>
        new()
        {
            _text = [.. _text],
            _names = [.. _names],
            _count = _count,
            Length = Length,
        };
}
