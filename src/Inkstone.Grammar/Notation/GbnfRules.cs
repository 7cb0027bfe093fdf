namespace Inkstone.Grammar;

/// <summary>A part of a rule of a GBNF grammar.</summary>
internal abstract record GbnfPart
{
    public sealed record Text(byte[] Bytes) : GbnfPart;

    public sealed record Set((int Low, int High)[] Ranges) : GbnfPart;

    public sealed record Token(string Name) : GbnfPart;

    public sealed record Rule(string Name, int Line) : GbnfPart;

    public sealed record Sequence(IReadOnlyList<GbnfPart> Parts) : GbnfPart;

    public sealed record Either(IReadOnlyList<GbnfPart> Parts) : GbnfPart;

    public sealed record Repeat(GbnfPart Part, int Least, int? Most) : GbnfPart;
}

/// <summary>The rules of a GBNF grammar as an automaton: a call for each rule, everything else in its frame.</summary>
internal sealed class GbnfRules
{
    private readonly IReadOnlyDictionary<string, GbnfPart> _rules;
    private readonly HashSet<string> _productive = new(StringComparer.Ordinal);

    public GbnfRules(IReadOnlyDictionary<string, GbnfPart> rules)
    {
        _rules = rules;
        for (int before = -1; before != _productive.Count; )
        {
            before = _productive.Count;
            foreach ((string name, GbnfPart part) in rules)
            {
                if (Ends(part))
                {
                    _ = _productive.Add(name);
                }
            }
        }
        if (!_productive.Contains("root"))
        {
            throw new GrammarException(
                "the grammar's root rule has no text that ends: each of its alternatives needs another rule for ever"
            );
        }
    }

    public State Build(StateSpace space, State then)
    {
        Dictionary<string, Node> starts = _rules.ToDictionary(r => r.Key, _ => new Node(space), StringComparer.Ordinal);
        foreach ((string name, GbnfPart part) in _rules)
        {
            if (_productive.Contains(name))
            {
                State first = Build(part, space.End, starts);
                _ = starts[name].Add(to => to.Empty(first));
            }
        }
        return new Node(space).Add(to => to.Call(starts["root"], then));
    }

    private State Build(GbnfPart part, State then, Dictionary<string, Node> starts)
    {
        StateSpace space = then.Space;
        switch (part)
        {
            case GbnfPart.Text text:
                return space.Literal(text.Bytes, then);
            case GbnfPart.Set set:
                return SetState.Before(set.Ranges, then);
            case GbnfPart.Token token:
                return TextGrammar.Token(token.Name).Build(space, then);
            case GbnfPart.Rule rule:
                return new Node(space).Add(to => to.Call(starts[rule.Name], then));
            case GbnfPart.Sequence sequence:
                return sequence.Parts.Reverse().Aggregate(then, (next, p) => Build(p, next, starts));
            case GbnfPart.Either either:
                State[] ways = [.. either.Parts.Where(Ends).Select(p => Build(p, then, starts))];
                return new Node(space).Add(to => Array.ForEach(ways, to.Empty));
            case GbnfPart.Repeat repeat:
                return Repeat(space, then, repeat.Least, repeat.Most, next => Build(repeat.Part, next, starts), Ends(repeat.Part));
            default:
                throw new InvalidOperationException();
        }
    }

    /// <summary>Something so many times.</summary>
    public static State Repeat(StateSpace space, State then, int least, int? most, Func<State, State> once, bool can = true)
    {
        State next = then;
        if (most is null && can)
        {
            Node loop = new(space);
            State again = once(loop);
            next = loop.Add(to => to.Empty(then)).Add(to => to.Empty(again));
        }
        for (int i = least; can && i < most; i++)
        {
            State more = once(next);
            next = new Node(space).Add(to => to.Empty(then)).Add(to => to.Empty(more));
        }
        for (int i = 0; i < least; i++)
        {
            next = once(next);
        }
        return next;
    }

    private bool Ends(GbnfPart part) =>
        part switch
        {
            GbnfPart.Rule rule => _productive.Contains(rule.Name),
            GbnfPart.Set set => set.Ranges.Length > 0,
            GbnfPart.Sequence sequence => sequence.Parts.All(Ends),
            GbnfPart.Either either => either.Parts.Any(Ends),
            GbnfPart.Repeat repeat => repeat.Least == 0 || Ends(repeat.Part),
            _ => true,
        };
}
