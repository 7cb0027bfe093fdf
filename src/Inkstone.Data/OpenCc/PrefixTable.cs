using System.Numerics;

namespace Inkstone.Data;

/// <summary>
/// Longest matches of a dictionary tree in one walk. What a tree of groups answers for a text depends only on how far the text follows any
/// key, so the answer
/// is worked out once for every prefix of a key; a walk goes down the trie of all keys as far as it can and takes the answer of the node
/// where it ends.
/// </summary>
/// <remarks>Children are found in one open-addressed table: 24 bits of node, 16 of character, 24 of child in one word.</remarks>
internal sealed class PrefixTable
{
    private readonly int[] _first = new int[1 << 16];
    private readonly Node[] _nodes;
    private readonly char[] _values;
    private readonly ulong[] _children;
    private readonly int _shift;
    private readonly char _lowest = char.MaxValue,
        _highest;

    /// <summary>Where a walk may end: what has matched there (nothing: length 0), what it becomes, and a filter of the characters that lead
    /// on, by <see cref="Bit"/>.</summary>
    private readonly record struct Node(ulong Onward, int Value, ushort ValueLength, ushort Length);

    public PrefixTable(ScriptDictionary dictionary)
    {
        PrefixTableBuilder built = new(dictionary);
        _values = built.Values.ToString().ToCharArray();
        _nodes = new Node[built.Matches.Count];
        int bits = Math.Max(4, BitOperations.Log2((uint)built.Children.Count) + 2); // at most half full
        (_children, _shift) = (new ulong[1 << bits], 64 - bits);
        foreach (((int parent, char c), int child) in built.Children)
        {
            if (parent == 0)
            {
                _first[c] = child;
                (_lowest, _highest) = ((char)Math.Min(_lowest, c), (char)Math.Max(_highest, c));
                continue;
            }
            ulong key = (ulong)parent << 16 | c;
            int slot = Slot(key);
            while (_children[slot] != 0)
            {
                slot = (slot + 1) & (_children.Length - 1);
            }
            _children[slot] = key << 24 | (uint)child;
        }
        for (int i = 0; i < _nodes.Length; i++)
        {
            (int value, int valueLength, int length) = built.Matches[i];
            _nodes[i] = new Node(built.Below(i).Aggregate(0UL, (bits, c) => bits | Bit(c)), value, (ushort)valueLength, (ushort)length);
        }
    }

    /// <summary>Whether any key may begin somewhere in the text.</summary>
    public bool MayMatch(ReadOnlySpan<char> text) => _lowest <= _highest && text.IndexOfAnyInRange(_lowest, _highest) >= 0;

    /// <summary>Appends the text with every match from the left replaced by its value.</summary>
    public void Convert(ReadOnlySpan<char> text, CharBuffer output)
    {
        int copied = 0;
        for (int i = 0; i < text.Length; )
        {
            int at = Walk(text, i);
            ref readonly Node match = ref _nodes[at];
            if (match.Length == 0)
            {
                i += Unmatched(text, i);
                continue;
            }
            ReadOnlySpan<char> value = _values.AsSpan(match.Value, match.ValueLength);
            if (match.Length != 1 || value.Length != 1 || value[0] != text[i])
            {
                output.Append(text[copied..i], value);
                copied = i + match.Length;
            }
            i += match.Length;
        }
        output.Append(text[copied..]);
    }

    /// <summary>The end of the piece of text that begins at <paramref name="start"/>: a match, or all characters up to the next
    /// one.</summary>
    public int PieceEnd(ReadOnlySpan<char> text, int start)
    {
        for (int i = start; i < text.Length; )
        {
            int length = _nodes[Walk(text, i)].Length;
            if (length > 0)
            {
                return i == start ? start + length : i;
            }
            i += Unmatched(text, i);
        }
        return text.Length;
    }

    /// <summary>Characters that pass together where nothing matches.</summary>
    private static int Unmatched(ReadOnlySpan<char> text, int i) =>
        text[i] is >= IdeographicDescription.FirstOperator and <= IdeographicDescription.LastOperator
            ? Math.Max(1, IdeographicDescription.Length(text[i..]))
            : 1;

    /// <summary>The node where the walk from a place ends; the root, which matches nothing, where no key begins.</summary>
    private int Walk(ReadOnlySpan<char> text, int i)
    {
        int at = _first[text[i]];
        for (i++; i < text.Length && (_nodes[at].Onward & Bit(text[i])) != 0; i++)
        {
            int child = Child(at, text[i]);
            if (child == 0)
            {
                break;
            }
            at = child;
        }
        return at;
    }

    private static ulong Bit(char c) => 1UL << (c * 0x9E37 >> 10);

    private int Child(int node, char c)
    {
        ulong key = (ulong)node << 16 | c;
        for (int slot = Slot(key); ; slot = (slot + 1) & (_children.Length - 1))
        {
            ulong entry = _children[slot];
            if (entry >> 24 == key)
            {
                return (int)(entry & 0xFFFFFF);
            }
            if (entry == 0)
            {
                return 0;
            }
        }
    }

    private int Slot(ulong key) => (int)(key * 0x9E3779B97F4A7C15 >> _shift);
}
