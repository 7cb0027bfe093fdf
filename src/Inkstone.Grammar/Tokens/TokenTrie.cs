using System.Buffers;
using System.Text;
using Inkstone.Text;

namespace Inkstone.Grammar;

/// <summary>The tokens of a vocabulary that stand for bytes, as a tree in preorder: a node's subtree is a run of nodes and of tokens in the
/// order of their bytes.</summary>
internal sealed class TokenTrie
{
    private readonly List<byte> _byte = [0];
    private readonly List<int> _next = [0];
    private readonly List<int> _first = [0];
    private readonly List<short> _free = [0];
    private readonly List<short> _depth = [0];

    public TokenTrie(Tokenizer tokenizer)
    {
        (int Id, byte[] Bytes)[] tokens =
        [
            .. Enumerable
                .Range(0, tokenizer.VocabularySize)
                .Where(id => tokenizer.Exists(id) && !tokenizer.IsSpecial(id) && tokenizer.TokenBytes(id).Length > 0)
                .Select(id => (id, tokenizer.TokenBytes(id).ToArray())),
        ];
        Array.Sort(tokens, (a, b) => a.Bytes.AsSpan().SequenceCompareTo(b.Bytes) is var order && order != 0 ? order : a.Id.CompareTo(b.Id));
        Ids = [.. tokens.Select(t => t.Id)];
        List<int> path = [0];
        byte[] last = [];
        for (int rank = 0; rank < tokens.Length; rank++)
        {
            byte[] bytes = tokens[rank].Bytes;
            int common = bytes.AsSpan().CommonPrefixLength(last);
            Close(path, common);
            for (int i = common; i < bytes.Length; i++)
            {
                path.Add(_byte.Count);
                _byte.Add(bytes[i]);
                _next.Add(0);
                _first.Add(rank);
                _free.Add(0);
                _depth.Add((short)(i + 1));
            }
            MarkFree(path, bytes);
            last = bytes;
        }
        Close(path, 0);
        _next[0] = _byte.Count;
        _first.Add(tokens.Length);
        (Byte, Next, First, Free, Depth) = ([.. _byte], [.. _next], [.. _first], [.. _free], [.. _depth]);
        Bytes = [.. tokens.Select(t => t.Bytes)];
        Deepest = Depth.Max();
    }

    /// <summary>Token ids in the order of their bytes.</summary>
    public int[] Ids { get; }

    /// <summary>Bytes of the tokens, in the same order.</summary>
    public byte[][] Bytes { get; }

    /// <summary>The byte that leads to a node.</summary>
    public byte[] Byte { get; }

    /// <summary>The node behind a node's subtree.</summary>
    public int[] Next { get; }

    /// <summary>The first token of a node's subtree; its last is before that of the node behind it.</summary>
    public int[] First { get; }

    /// <summary>Most characters that tokens still have below a node, where all of these are whole and JSON writes them as themselves; else
    /// -1.</summary>
    public short[] Free { get; }

    /// <summary>Bytes from the root.</summary>
    public short[] Depth { get; }

    public int Deepest { get; }

    /// <summary>Whether JSON writes a character within a string as itself.</summary>
    public static bool IsFree(Rune c) => c.Value >= 0x20 && c.Value is not '"' and not '\\';

    /// <summary>The tokens that end at a node; those of its subtree begin with them.</summary>
    public int OwnEnd(int node) => HasChildren(node) ? First[node + 1] : First[Next[node]];

    public bool HasChildren(int node) => Next[node] > node + 1;

    /// <summary>The node of a text, or -1.</summary>
    public int Find(int node, ReadOnlySpan<byte> text)
    {
        foreach (byte b in text)
        {
            int child = node + 1,
                end = Next[node];
            while (child < end && Byte[child] != b)
            {
                child = Next[child];
            }
            if (child >= end)
            {
                return -1;
            }
            node = child;
        }
        return node;
    }

    private void Close(List<int> path, int depth)
    {
        while (path.Count > depth + 1)
        {
            _next[path[^1]] = _byte.Count;
            path.RemoveAt(path.Count - 1);
        }
    }

    private void MarkFree(List<int> path, byte[] bytes)
    {
        Span<short> characters = new short[bytes.Length + 1]; // from here to the end; -1: not free
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            characters[i] =
                Rune.DecodeFromUtf8(bytes.AsSpan(i), out Rune c, out int length) == OperationStatus.Done
                && IsFree(c)
                && characters[i + length] >= 0
                    ? (short)(characters[i + length] + 1)
                    : (short)-1;
        }
        for (int i = 0; i < path.Count; i++)
        {
            short free = _free[path[i]];
            _free[path[i]] = free < 0 || characters[i] < 0 ? (short)-1 : Math.Max(free, characters[i]);
        }
    }
}
