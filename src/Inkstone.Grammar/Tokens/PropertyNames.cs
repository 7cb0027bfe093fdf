namespace Inkstone.Grammar;

/// <summary>
/// The names of properties written so far in each open object. Names that a schema declares are counted by the automaton; of the others there is no end, so
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

    /// <summary>Whether the name that a frame spells may end with the newest byte, its quotation mark: it is new in each of the objects that it belongs to.</summary>
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

    /// <summary>What would complete, with a quotation mark, a name that the object of a frame already has: the nodes of those tokens go to <paramref name="forbid"/>.</summary>
    public void Doubles(StackSet set, int frame, TokenTrie trie, Action<int> forbid)
    {
        ReadOnlySpan<byte> begun = _text.AsSpan(set.BeginOf(frame)..set.Position);
        for (int link = set.FirstLink(frame); link >= 0; link = set.Link(link).Next)
        {
            int caller = set.Link(link).Caller;
            for (int i = 0; i < _count; i++)
            {
                (int owner, int b, int e) = _names[i];
                if (owner == caller && _text.AsSpan(b..e).StartsWith(begun) && trie.Find(0, _text.AsSpan(b..e)[begun.Length..]) is var node and >= 0
                    && trie.Find(node, "\""u8) is var quoted and >= 0)
                {
                    forbid(quoted);
                }
            }
        }
    }

    public PropertyNames Clone() => new() { _text = [.. _text], _names = [.. _names], _count = _count, Length = Length };
}
