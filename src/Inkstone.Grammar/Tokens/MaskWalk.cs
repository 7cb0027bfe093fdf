using System.Runtime.InteropServices;

namespace Inkstone.Grammar;

/// <summary>Walks the tree of tokens through the automaton, one frame at a time; what a frame decides is the same whatever called it, so it
/// is kept.</summary>
internal sealed class MaskWalk(TokenVocabulary vocabulary)
{
    private const int Few = 768;

    private readonly TokenTrie _trie = vocabulary.Trie;
    private readonly StackSet _set = new();
    private readonly StackSet.Mark[] _marks = new StackSet.Mark[vocabulary.Trie.Deepest + 2];
    private readonly List<(int From, int To)> _ranks = [];
    private readonly SortedDictionary<int, List<int>> _exits = [];
    private readonly Dictionary<string, Exits> _known = [];

    /// <summary>Bytes that the parts made so far take.</summary>
    public long Bytes { get; private set; }

    /// <summary>Tokens that the bytes of a state itself begin; what it calls or returns to has items of its own.</summary>
    public MaskPart FromState(State state)
    {
        Begin();
        _set.ResetBare(state);
        Walk(0);
        return Take();
    }

    /// <summary>Tokens that go on in a caller at the given nodes.</summary>
    public MaskPart FromExits(State then, Exits exits)
    {
        Begin();
        foreach ((int tag, int[] nodes) in exits.ByTag)
        {
            if (then.Return(tag) is not { } state)
            {
                continue;
            }
            _set.Reset(state);
            StackSet.Mark start = _set.Here;
            int[] ends = [.. _set.EndTags];
            foreach (int node in nodes)
            {
                foreach (int end in ends)
                {
                    Exit(end, node);
                }
                _set.Return(start);
                Walk(node);
            }
        }
        return Take();
    }

    private void Begin()
    {
        _ranks.Clear();
        _exits.Clear();
    }

    /// <summary>Takes the bytes below a node, from the configuration that stands there.</summary>
    private void Walk(int node)
    {
        int first = _trie.Depth[node] + 1;
        _marks[0] = _set.Here;
        for (int i = node + 1, end = _trie.Next[node]; i < end; )
        {
            int depth = _trie.Depth[i] - first;
            _set.Return(_marks[depth]);
            if (!_set.Step(_trie.Byte[i]))
            {
                i = _trie.Next[i];
                continue;
            }
            Accept(_trie.First[i], _trie.OwnEnd(i));
            if (!_trie.HasChildren(i))
            {
                i++;
                continue;
            }
            if (_set.Ended)
            {
                foreach (int tag in _set.EndTags)
                {
                    Exit(tag, i);
                }
            }
            if (_set.End == _set.Begin)
            {
                i = _trie.Next[i];
            }
            else if (_set.End - _set.Begin == 1 && _trie.Free[i] >= 0 && _set.StateAt(_set.Begin).FreeText >= _trie.Free[i])
            {
                Accept(_trie.First[i], _trie.First[_trie.Next[i]]);
                i = _trie.Next[i];
            }
            else
            {
                _marks[depth + 1] = _set.Here;
                i++;
            }
        }
    }

    private void Accept(int from, int to)
    {
        if (from == to)
        {
            return;
        }
        if (_ranks.Count > 0 && _ranks[^1].To == from)
        {
            CollectionsMarshal.AsSpan(_ranks)[^1].To = to;
            return;
        }
        _ranks.Add((from, to));
    }

    private void Exit(int tag, int node)
    {
        if (!_exits.TryGetValue(tag, out List<int>? nodes))
        {
            _exits[tag] = nodes = [];
        }
        if (nodes.Count == 0 || nodes[^1] != node)
        {
            nodes.Add(node);
        }
    }

    private MaskPart Take()
    {
        int count = _ranks.Sum(r => r.To - r.From);
        ulong[]? dense = count > Few ? new ulong[vocabulary.MaskLength] : null;
        int[] ids = count > Few ? [] : new int[count];
        int at = 0;
        foreach ((int from, int to) in _ranks)
        {
            for (int rank = from; rank < to; rank++)
            {
                int id = _trie.Ids[rank];
                if (dense is not null)
                {
                    dense[id >> 6] |= 1UL << id;
                }
                else
                {
                    ids[at++] = id;
                }
            }
        }
        Bytes += 8L * (dense?.Length ?? 0) + 4L * ids.Length + 256;
        return new MaskPart(dense, ids, Exits());
    }

    private Exits? Exits()
    {
        if (_exits.Count == 0)
        {
            return null;
        }
        string key = string.Join(';', _exits.Select(e => $"{e.Key}:{string.Join(',', e.Value)}"));
        if (!_known.TryGetValue(key, out Exits? exits))
        {
            _known[key] = exits = new Exits([.. _exits.Select(e => (e.Key, e.Value.ToArray()))]);
            Bytes += 2L * key.Length + 4L * _exits.Sum(e => e.Value.Count);
        }
        return exits;
    }

    /// <summary>Forgets the lists of nodes, with the parts that hold them.</summary>
    public void Forget()
    {
        _known.Clear();
        Bytes = 0;
    }
}
