using System.Text;

namespace Inkstone.Grammar;

/// <summary>
/// A deterministic automaton over characters whose every state leads to an accepted text. States are numbered from 0, the start; it has
/// none where no text is
/// accepted. Accepting states have a tag above 0, which says of several languages that were taken together in which the text lies.
/// </summary>
internal sealed class CharDfa
{
    private const int MostStates = 30_000;
    private bool[]? _universal;

    private CharDfa((int Low, int High, int Target)[][] edges, int[] tags) => (Edges, Tags) = (edges, tags);

    /// <summary>[state] sorted ranges of characters and where they lead; characters between lead nowhere.</summary>
    public (int Low, int High, int Target)[][] Edges { get; }

    /// <summary>[state] its tag; 0: not accepting.</summary>
    public int[] Tags { get; }

    public bool IsEmpty => Tags.Length == 0;

    /// <summary>All texts.</summary>
    public static CharDfa Any { get; } = Make(0, _ => 1, _ => [(0, 0xD7FF, 0), (0xE000, CodePoints.Last, 0)]);

    /// <summary>Whether every text that follows a state is accepted with the state's tag.</summary>
    public bool IsUniversal(int state) => (_universal ??= FindUniversal())[state];

    /// <summary>The state after a character, or -1.</summary>
    public int Step(int state, int c)
    {
        foreach ((int low, int high, int target) in Edges[state])
        {
            if (c <= high)
            {
                return c >= low ? target : -1;
            }
        }
        return -1;
    }

    /// <summary>The tag of a whole text; 0: not accepted.</summary>
    public int TagOf(string text)
    {
        int state = IsEmpty ? -1 : 0;
        foreach (Rune c in text.EnumerateRunes())
        {
            state = state < 0 ? -1 : Step(state, c.Value);
        }
        return state < 0 ? 0 : Tags[state];
    }

    /// <summary>Texts with so many characters.</summary>
    public static CharDfa Lengths(long least, long? most)
    {
        return Make(
            0L,
            n => n >= least ? 1 : 0,
            n => most is not null && n >= most ? [] : Everything(most is null ? Math.Min(n + 1, least) : n + 1)
        );

        static (int, int, long)[] Everything(long target) => [(0, 0xD7FF, target), (0xE000, CodePoints.Last, target)];
    }

    /// <summary>The given texts; the i-th has the tag i + 1.</summary>
    public static CharDfa Texts(IReadOnlyList<string> texts)
    {
        Dictionary<string, int> tags = new(StringComparer.Ordinal);
        HashSet<string> prefixes = new(StringComparer.Ordinal);
        for (int i = 0; i < texts.Count; i++)
        {
            _ = tags.TryAdd(texts[i], i + 1);
        }
        Dictionary<string, SortedDictionary<int, string>> children = new(StringComparer.Ordinal) { [""] = [] };
        foreach (string text in texts)
        {
            string prefix = "";
            foreach (Rune c in text.EnumerateRunes())
            {
                string next = prefix + c.ToString();
                children[prefix][c.Value] = next;
                _ = children.TryAdd(next, []);
                prefix = next;
            }
        }
        return Make("", p => tags.GetValueOrDefault(p), p => [.. children[p].Select(c => (c.Key, c.Key, c.Value))]);
    }

    /// <summary>Texts by what several automata say of them.</summary>
    /// <param name="parts">the automata</param>
    /// <param name="tag">the tag of a text from its tags in the parts; 0: not accepted</param>
    public static CharDfa Combine(IReadOnlyList<CharDfa> parts, Func<int[], int> tag)
    {
        int[] start = [.. parts.Select(p => p.IsEmpty ? -1 : 0)];
        return Make(new Tuple(start), t => tag([.. t.States.Select((q, i) => q < 0 ? 0 : parts[i].Tags[q])]), Out);

        IReadOnlyList<(int, int, Tuple)> Out(Tuple t)
        {
            SortedSet<int> cuts = [0, 0xD800, 0xE000];
            for (int i = 0; i < parts.Count; i++)
            {
                foreach ((int low, int high, _) in t.States[i] < 0 ? [] : parts[i].Edges[t.States[i]])
                {
                    _ = cuts.Add(low);
                    _ = cuts.Add(high + 1);
                }
            }
            int[] ends = [.. cuts.Where(c => c <= CodePoints.Last), CodePoints.Last + 1];
            List<(int, int, Tuple)> edges = [];
            int[] at = new int[parts.Count];
            for (int k = 0; k + 1 < ends.Length; k++)
            {
                int low = ends[k];
                if (low is >= 0xD800 and < 0xE000)
                {
                    continue;
                }
                int[] next = new int[parts.Count];
                for (int i = 0; i < parts.Count; i++)
                {
                    next[i] = -1;
                    if (t.States[i] >= 0)
                    {
                        (int Low, int High, int Target)[] own = parts[i].Edges[t.States[i]];
                        while (at[i] < own.Length && own[at[i]].High < low)
                        {
                            at[i]++;
                        }
                        next[i] = at[i] < own.Length && own[at[i]].Low <= low ? own[at[i]].Target : -1;
                    }
                }
                edges.Add((low, ends[k + 1] - 1, new Tuple(next)));
            }
            return edges;
        }
    }

    /// <summary>Texts that all automata accept.</summary>
    public static CharDfa Intersect(IReadOnlyList<CharDfa> parts) =>
        parts.Count == 1 ? parts[0] : Combine(parts, tags => tags.All(t => t > 0) ? 1 : 0);

    /// <summary>Texts that it does not accept.</summary>
    public CharDfa Not() => Combine([this], tags => tags[0] > 0 ? 0 : 1);

    /// <summary>The texts of a tag; null where there are more than <paramref name="most"/>.</summary>
    public List<string>? Words(int tag, int most)
    {
        bool[] leads = [.. Tags.Select(t => t == tag)];
        for (bool changed = true; changed; )
        {
            changed = false;
            for (int q = Tags.Length - 1; q >= 0; q--)
            {
                if (!leads[q] && Edges[q].Any(e => leads[e.Target]))
                {
                    leads[q] = changed = true;
                }
            }
        }
        List<string> words = [];
        return !IsEmpty && leads[0] && !Walk(0, "") ? null : words;

        bool Walk(int state, string text)
        {
            if (Tags[state] == tag)
            {
                words.Add(text);
            }
            if (words.Count > most || text.Length > 1000)
            {
                return false;
            }
            foreach ((int low, int high, int target) in Edges[state])
            {
                for (int c = low; leads[target] && c <= high; c++)
                {
                    if (!Walk(target, text + char.ConvertFromUtf32(c)))
                    {
                        return false;
                    }
                }
            }
            return true;
        }
    }

    /// <summary>Numbers the states that can be reached and lead to an accepted text.</summary>
    public static CharDfa Make<T>(T start, Func<T, int> tag, Func<T, IReadOnlyList<(int Low, int High, T Target)>> edges)
        where T : notnull
    {
        Dictionary<T, int> numbers = new() { [start] = 0 };
        List<T> states = [start];
        List<(int Low, int High, int Target)[]> all = [];
        for (int i = 0; i < states.Count; i++)
        {
            List<(int Low, int High, int Target)> found = [];
            foreach ((int low, int high, T target) in edges(states[i]))
            {
                if (!numbers.TryGetValue(target, out int number))
                {
                    numbers[target] = number = states.Count;
                    states.Add(target);
                    if (number > MostStates)
                    {
                        throw new GrammarException(
                            $"the texts asked for need an automaton of more than {MostStates} states; ask for shorter or simpler ones"
                        );
                    }
                }
                if (found.Count > 0 && found[^1].Target == number && found[^1].High == low - 1)
                {
                    found[^1] = (found[^1].Low, high, number);
                }
                else
                {
                    found.Add((low, high, number));
                }
            }
            all.Add([.. found]);
        }
        return Trim(all, [.. states.Select(tag)]);
    }

    private static CharDfa Trim(List<(int Low, int High, int Target)[]> edges, int[] tags)
    {
        List<int>[] into = [.. tags.Select(_ => new List<int>())];
        for (int q = 0; q < tags.Length; q++)
        {
            foreach ((_, _, int target) in edges[q])
            {
                into[target].Add(q);
            }
        }
        bool[] live = new bool[tags.Length];
        Stack<int> open = new(Enumerable.Range(0, tags.Length).Where(q => tags[q] > 0));
        while (open.TryPop(out int q))
        {
            if (!live[q])
            {
                live[q] = true;
                into[q].ForEach(open.Push);
            }
        }
        if (!live[0])
        {
            return new CharDfa([], []);
        }
        int[] kept = [.. Enumerable.Range(0, tags.Length).Where(q => live[q])];
        int[] number = new int[tags.Length];
        for (int i = 0; i < kept.Length; i++)
        {
            number[kept[i]] = i;
        }
        return new CharDfa(
            [.. kept.Select(q => edges[q].Where(e => live[e.Target]).Select(e => (e.Low, e.High, number[e.Target])).ToArray())],
            [.. kept.Select(q => tags[q])]
        );
    }

    /// <summary>The largest set of accepting states of one tag that no character leaves.</summary>
    private bool[] FindUniversal()
    {
        bool[] universal =
        [
            .. Tags.Select((tag, q) => tag > 0 && CodePoints.Union(Edges[q].Select(e => (e.Low, e.High))).SequenceEqual(CodePoints.All)),
        ];
        for (bool changed = true; changed; )
        {
            changed = false;
            for (int q = 0; q < Tags.Length; q++)
            {
                if (universal[q] && Edges[q].Any(e => !universal[e.Target] || Tags[e.Target] != Tags[q]))
                {
                    universal[q] = false;
                    changed = true;
                }
            }
        }
        return universal;
    }

    private readonly struct Tuple(int[] states) : IEquatable<Tuple>
    {
        public int[] States => states;

        public bool Equals(Tuple other) => states.AsSpan().SequenceEqual(other.States);

        public override bool Equals(object? obj) => obj is Tuple other && Equals(other);

        public override int GetHashCode()
        {
            HashCode hash = default;
            foreach (int q in states)
            {
                hash.Add(q);
            }
            return hash.ToHashCode();
        }
    }
}
