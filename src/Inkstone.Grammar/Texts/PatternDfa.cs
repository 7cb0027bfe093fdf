namespace Inkstone.Grammar;

/// <summary>Regular expressions as automata: Thompson's construction, then sets of its states.</summary>
internal sealed class PatternDfa
{
    private const int MostStates = 200_000;

    private readonly List<(int Low, int High, int Target)[]> _edges = [];
    private readonly List<List<(int Target, bool? AtEnd)>> _empty = [];

    /// <summary>The texts that match as a whole.</summary>
    public static CharDfa Whole(Pattern pattern) => new PatternDfa().Make(pattern, anywhere: false);

    /// <summary>The texts in which it matches somewhere.</summary>
    public static CharDfa Anywhere(Pattern pattern) => new PatternDfa().Make(pattern, anywhere: true);

    private CharDfa Make(Pattern pattern, bool anywhere)
    {
        (int start, int end) = (New(), New());
        if (anywhere)
        {
            _edges[start] = Everything(start);
            _edges[end] = Everything(end);
        }
        int inner = New();
        _empty[start].Add((inner, null));
        Add(pattern, inner, end);
        // Before the first character ^ holds; a text that ends in a set of states is accepted where $ leads on to the end.
        Closed first = new(Close([start], begins: true, ends: false), Close([start], begins: true, ends: true).Contains(end));
        return CharDfa.Make(first, s => s.Accepts ? 1 : 0, s => Out(s, end));
    }

    private static (int, int, int)[] Everything(int target) => [.. CodePoints.All.Select(r => (r.Low, r.High, target))];

    private int New()
    {
        if (_edges.Count > MostStates)
        {
            throw new GrammarException("a pattern repeats too much to be held; repeat less");
        }
        _edges.Add([]);
        _empty.Add([]);
        return _edges.Count - 1;
    }

    private void Add(Pattern pattern, int from, int to)
    {
        switch (pattern)
        {
            case Pattern.Set set:
                int state = New();
                _edges[state] = [.. CodePoints.Not(CodePoints.Not(set.Ranges)).Select(r => (r.Low, r.High, to))]; // without surrogates
                _empty[from].Add((state, null));
                break;
            case Pattern.Edge edge:
                _empty[from].Add((to, edge.AtEnd));
                break;
            case Pattern.Either either:
                foreach (Pattern part in either.Parts)
                {
                    Add(part, from, to);
                }
                break;
            case Pattern.Sequence sequence:
                foreach (Pattern part in sequence.Parts)
                {
                    int next = New();
                    Add(part, from, next);
                    from = next;
                }
                _empty[from].Add((to, null));
                break;
            case Pattern.Repeat repeat:
                for (int i = 0; i < repeat.Least; i++)
                {
                    int next = New();
                    Add(repeat.Part, from, next);
                    from = next;
                }
                if (repeat.Most is null)
                {
                    int loop = New(),
                        back = New();
                    _empty[from].Add((loop, null));
                    Add(repeat.Part, loop, back);
                    _empty[back].Add((loop, null));
                    _empty[loop].Add((to, null));
                    break;
                }
                for (int i = repeat.Least; i < repeat.Most; i++)
                {
                    int next = New();
                    _empty[from].Add((to, null));
                    Add(repeat.Part, from, next);
                    from = next;
                }
                _empty[from].Add((to, null));
                break;
        }
    }

    private SortedSet<int> Close(IEnumerable<int> states, bool begins, bool ends)
    {
        SortedSet<int> closed = [];
        Stack<int> open = new(states);
        while (open.TryPop(out int q))
        {
            if (closed.Add(q))
            {
                foreach ((int target, bool? atEnd) in _empty[q])
                {
                    if (atEnd is null || (atEnd.Value ? ends : begins))
                    {
                        open.Push(target);
                    }
                }
            }
        }
        return closed;
    }

    private List<(int, int, Closed)> Out(Closed from, int end)
    {
        (int Low, int High, int Target)[] all = [.. from.States.SelectMany(q => _edges[q]).OrderBy(e => e.Low)];
        int[] cuts = [.. all.SelectMany(e => new[] { e.Low, e.High + 1 }).Distinct().Order()];
        List<(int, int, Closed)> result = [];
        Dictionary<string, Closed> known = [];
        for (int i = 0; i + 1 < cuts.Length; i++)
        {
            int[] targets = [.. all.Where(e => e.Low <= cuts[i] && e.High >= cuts[i]).Select(e => e.Target).Distinct().Order()];
            if (targets.Length == 0)
            {
                continue;
            }
            string key = string.Join(',', targets);
            if (!known.TryGetValue(key, out Closed? next))
            {
                known[key] = next = new Closed(
                    Close(targets, begins: false, ends: false),
                    Close(targets, begins: false, ends: true).Contains(end)
                );
            }
            result.Add((cuts[i], cuts[i + 1] - 1, next));
        }
        return result;
    }

    private sealed class Closed(SortedSet<int> states, bool accepts) : IEquatable<Closed>
    {
        private readonly string _key = string.Join(',', states) + (accepts ? "!" : "");

        public int[] States { get; } = [.. states];

        public bool Accepts => accepts;

        public bool Equals(Closed? other) => other is not null && _key == other._key;

        public override bool Equals(object? obj) => Equals(obj as Closed);

        public override int GetHashCode() => _key.GetHashCode(StringComparison.Ordinal);
    }
}
