namespace Inkstone.Grammar;

/// <summary>The states of one compiled grammar: equal ones are one object.</summary>
internal sealed class StateSpace
{
    private readonly Dictionary<object, State> _states = [];
    private readonly List<State> _all = [];

    private readonly Dictionary<(int, int), TextRules> _lengths = [];

    /// <param name="isSpecial">whether the vocabulary has a special token of this name</param>
    /// <param name="longestToken">most bytes of a token</param>
    public StateSpace(Func<string, bool> isSpecial, int longestToken) =>
        (IsSpecial, LongestToken, End) = (isSpecial, longestToken, new EndState(this));

    /// <summary>Most bytes of a token.</summary>
    public int LongestToken { get; }

    /// <summary>Whether names that no schema declares may have a last possible character, so that all that can follow a beginning may have
    /// been used.</summary>
    public bool HasBoundedNames { get; set; }

    /// <summary>Bounds of a length; equal ones are one object.</summary>
    public TextRules Lengths(int least, int most)
    {
        lock (this)
        {
            if (!_lengths.TryGetValue((least, most), out TextRules? rules))
            {
                _lengths[(least, most)] = rules = new TextRules.Lengths(least, most);
            }
            return rules;
        }
    }

    /// <summary>Whether the vocabulary has a special token of this name, which is written by its id.</summary>
    public Func<string, bool> IsSpecial { get; }

    /// <summary>The state that does nothing but return.</summary>
    public State End { get; }

    /// <summary>Takes a new state and gives its number.</summary>
    public int Register(State state)
    {
        lock (this)
        {
            _all.Add(state);
            return _all.Count - 1;
        }
    }

    /// <summary>The state of a key, made where it is not there yet.</summary>
    public State Intern(object key, Func<State> make)
    {
        lock (this)
        {
            if (!_states.TryGetValue(key, out State? state))
            {
                _states[key] = state = make();
            }
            return state;
        }
    }

    /// <summary>One state for several that are possible at once.</summary>
    public State Union(IReadOnlyCollection<State> states)
    {
        State[] parts = [.. states.SelectMany(s => s is UnionState u ? u.Parts : [s]).Distinct().OrderBy(s => s.Id)];
        return parts.Length == 1 ? parts[0] : Intern("|" + string.Join(',', parts.Select(s => s.Id)), () => new UnionState(this, parts));
    }

    /// <summary>The states of a text, the last of which leads to <paramref name="then"/>.</summary>
    public State Literal(ReadOnlySpan<byte> text, State then)
    {
        State state = then;
        for (int i = text.Length - 1; i >= 0; i--)
        {
            (byte b, State next) = (text[i], state);
            state = Intern(("literal", b, next), () => new ByteState(this, b, next));
        }
        return state;
    }

    public void ForgetMasks()
    {
        lock (this)
        {
            _all.ForEach(state => state.ForgetMasks());
        }
    }

    private sealed class EndState(StateSpace space) : State(space)
    {
        public override void Build(MovesBuilder to) => to.Final(0);
    }

    private sealed class ByteState(StateSpace space, byte b, State next) : State(space)
    {
        public override bool NeverEmpty => true;

        public override void Build(MovesBuilder to) => to.Byte(b, next);
    }

    private sealed class UnionState(StateSpace space, State[] parts) : State(space)
    {
        public State[] Parts => parts;

        public override int FreeText => parts.Max(p => p.FreeText);

        public override bool IsName => parts.Any(p => p.IsName);

        public override bool NeverEmpty => parts.All(p => p.NeverEmpty);

        public override void Build(MovesBuilder to)
        {
            foreach (State part in parts)
            {
                to.Empty(part);
            }
        }

        public override State? Return(int tag)
        {
            State[] after = [.. parts.Select(p => p.Return(tag)).OfType<State>()];
            return after.Length == 0 ? null : Space.Union(after);
        }
    }
}

/// <summary>A state whose moves are set when a grammar is read.</summary>
internal sealed class Node(StateSpace space) : State(space)
{
    private readonly List<Action<MovesBuilder>> _moves = [];

    public Node Add(Action<MovesBuilder> move)
    {
        _moves.Add(move);
        return this;
    }

    public override void Build(MovesBuilder to) => _moves.ForEach(move => move(to));
}
