using System.Text;

namespace Inkstone.Data;

/// <summary>The trie of all keys of a dictionary tree, with the tree's answer at every node. Node 0 is the root.</summary>
internal sealed class PrefixTableBuilder
{
    private readonly List<IReadOnlyDictionary<string, string>> _leaves = [];
    private readonly List<(int Leaf, string Value)>?[] _entries;
    private readonly List<(char Character, int Child)>?[] _below;
    private readonly (int Length, string Value)[] _best;

    public PrefixTableBuilder(ScriptDictionary dictionary)
    {
        Collect(dictionary);
        List<List<(int, string)>?> entries = [null];
        // Nodes of the first characters lie together: every walk begins there.
        foreach (string key in _leaves.SelectMany(leaf => leaf.Keys))
        {
            Insert(key[..1], entries);
        }
        for (int leaf = 0; leaf < _leaves.Count; leaf++)
        {
            foreach ((string key, string value) in _leaves[leaf])
            {
                int node = Insert(key, entries);
                (entries[node] ??= []).Add((leaf, value));
            }
        }
        if (entries.Count >= 1 << 24)
        {
            throw new InvalidDataException($"the dictionaries have {entries.Count:N0} prefixes, more than 16 million.");
        }
        _entries = [.. entries];
        _below = new List<(char, int)>?[_entries.Length];
        foreach (((int parent, char c), int child) in Children)
        {
            (_below[parent] ??= []).Add((c, child));
        }
        Matches = [.. new (int, int, int)[_entries.Length]];
        _best = new (int, string)[_leaves.Count];
        int next = 0;
        Resolve(0, 0, dictionary, ref next);
    }

    /// <summary>Child of a node by character.</summary>
    public Dictionary<(int Node, char Character), int> Children { get; } = [];

    /// <summary>Characters that lead on from a node other than the root.</summary>
    public IEnumerable<char> Below(int node) => node == 0 ? [] : (_below[node] ?? []).Select(b => b.Character);

    /// <summary>For each node where the value of the match begins in <see cref="Values"/>, its length, and the length of the key; length 0:
    /// no match.</summary>
    public List<(int Value, int ValueLength, int KeyLength)> Matches { get; }

    /// <summary>All values.</summary>
    public StringBuilder Values { get; } = new();

    private void Collect(ScriptDictionary dictionary)
    {
        if (dictionary is ScriptDictionary.Entries entries)
        {
            _leaves.Add(entries.Pairs);
        }
        else
        {
            foreach (ScriptDictionary member in ((ScriptDictionary.Group)dictionary).Members)
            {
                Collect(member);
            }
        }
    }

    private int Insert(string key, List<List<(int, string)>?> entries)
    {
        int node = 0;
        foreach (char c in key)
        {
            if (!Children.TryGetValue((node, c), out int child))
            {
                child = entries.Count;
                entries.Add(null);
                Children.Add((node, c), child);
            }
            node = child;
        }
        return node;
    }

    private void Resolve(int node, int depth, ScriptDictionary dictionary, ref int nextLeaf)
    {
        List<(int Leaf, (int, string) Before)> changed = [];
        foreach ((int leaf, string value) in _entries[node] ?? [])
        {
            changed.Add((leaf, _best[leaf]));
            _best[leaf] = (depth, value);
        }
        nextLeaf = 0;
        (int length, string text) = Answer(dictionary, ref nextLeaf);
        if (length > 0)
        {
            Matches[node] = (Values.Length, text.Length, length);
            Values.Append(text);
        }
        foreach ((_, int child) in _below[node] ?? [])
        {
            Resolve(child, depth + 1, dictionary, ref nextLeaf);
        }
        foreach ((int leaf, (int, string) before) in changed)
        {
            _best[leaf] = before;
        }
    }

    /// <summary>The match of a dictionary; leaves are met in the order in which they were collected.</summary>
    private (int Length, string Value) Answer(ScriptDictionary dictionary, ref int nextLeaf)
    {
        if (dictionary is not ScriptDictionary.Group group)
        {
            return _best[nextLeaf++];
        }
        (int Length, string Value) chosen = default;
        foreach (ScriptDictionary member in group.Members)
        {
            (int Length, string Value) match = Answer(member, ref nextLeaf);
            if (group.IsUnion ? match.Length > chosen.Length : chosen.Length == 0)
            {
                chosen = match;
            }
        }
        return chosen;
    }
}
