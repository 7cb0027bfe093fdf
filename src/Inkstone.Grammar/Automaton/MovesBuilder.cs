namespace Inkstone.Grammar;

/// <summary>Gathers what leads out of a state and out of all that it reaches without a byte, and makes it deterministic in bytes.</summary>
internal sealed class MovesBuilder(StateSpace space)
{
    private readonly List<(int Low, int High, State Target)> _bytes = [];
    private readonly List<CommandContext> _calls = [];
    private readonly List<(string, State)> _tokens = [];
    private readonly SortedSet<int> _finals = [];
    private readonly Queue<State> _waiting = new();
    private readonly HashSet<State> _seen = [];
    private bool _asksOnly;

    public void Byte(int b, State target) => _bytes.Add((b, b, target));

    public void Bytes(int low, int high, State target) => _bytes.Add((low, high, target));

    /// <summary>A state that can be reached without a byte.</summary>
    public void Empty(State target)
    {
        if (_seen.Add(target))
        {
            _waiting.Enqueue(target);
        }
    }

    public void Call(State start, State then)
    {
        _calls.Add(new(start, then));
        if (!_asksOnly && IsNullable(start, []))
        {
            Empty(then);
        }
    }

    public void Token(string token, State target) => _tokens.Add((token, target));

    public void Final(int tag) => _finals.Add(tag);

    public Moves Closure(State state)
    {
        Empty(state);
        while (_waiting.TryDequeue(out State? next))
        {
            next.Build(this);
        }
        return new Moves
        {
            Next = Table(),
            Calls = Calls(),
            Tokens = [.. _tokens.Distinct()],
            Finals = [.. _finals],
        };
    }

    private State?[]? Table()
    {
        if (_bytes.Count == 0)
        {
            return null;
        }
        State?[] table = new State?[256];
        List<State>?[] several = new List<State>?[256];
        foreach ((int low, int high, State target) in _bytes)
        {
            for (int b = low; b <= high; b++)
            {
                if (table[b] is not { } first)
                {
                    table[b] = target;
                }
                else if (first != target)
                {
                    (several[b] ??= [first]).Add(target);
                }
            }
        }
        for (int b = 0; b < 256; b++)
        {
            if (several[b] is { } targets)
            {
                table[b] = space.Union(targets);
            }
        }
        return table;
    }

    /// <summary>Calls of the same text are one call with the union of their returns.</summary>
    private CommandContext[] Calls() =>
        [.. _calls.GroupBy(c => c.Start).Select(g => new CommandContext(g.Key, space.Union([.. g.Select(c => c.Return)])))];

    /// <summary>Whether the text of a call may be empty. A shortest proof never asks the same twice on one way, so a question in progress
    /// counts as no.</summary>
    private bool IsNullable(State state, HashSet<State> asking)
    {
        if (state.NeverEmpty || !asking.Add(state))
        {
            return false;
        }
        MovesBuilder raw = new(space);
        RawMoves found = raw.Raw(state);
        bool nullable =
            found.Final
            || found.Empties.Any(e => IsNullable(e, asking))
            || found.Calls.Any(c => IsNullable(c.Start, asking) && IsNullable(c.Return, asking));
        asking.Remove(state);
        return nullable;
    }

    private RawMoves Raw(State state)
    {
        _asksOnly = true;
        state.Build(this);
        return new(_finals.Count > 0, [.. _waiting], [.. _calls]);
    }

    private sealed record RawMoves(bool Final, State[] Empties, CommandContext[] Calls);
}
