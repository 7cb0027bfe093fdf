using System.Collections.Concurrent;

namespace Inkstone.Grammar;

/// <summary>
/// A state of the pushdown automaton over bytes. What leads out of it is made when it is first asked for, so a state may stand for a set of
/// seen property
/// names or a count, and only the states that texts reach ever exist. <see cref="Moves"/> is deterministic in bytes: where several states
/// could follow, their union does.
/// </summary>
internal abstract class State
{
    private Moves? _moves;

    protected State(StateSpace space) => (Space, Id) = (space, space.Register(this));

    public StateSpace Space { get; }

    /// <summary>Its number in the space.</summary>
    public int Id { get; }

    /// <summary>How many characters that JSON writes as themselves may follow here, whatever they are.</summary>
    public virtual int FreeText => 0;

    /// <summary>A state whose mask is the same.</summary>
    public virtual State MaskTwin => this;

    /// <summary>Whether a frame that starts here spells the name of a property that no schema declares, so that doubles must be looked
    /// for.</summary>
    public virtual bool IsName => false;

    /// <summary>Whether the text from here to the end of the frame may be empty is not even asked: it never is.</summary>
    public virtual bool NeverEmpty => false;

    /// <summary>Adds what leads out of the state.</summary>
    public abstract void Build(MovesBuilder to);

    /// <summary>Where a call that returns here goes on, by how it ended; null: nowhere.</summary>
    public virtual State? Return(int tag) => tag == 0 ? this : null;

    /// <summary>What leads out of the state.</summary>
    public Moves Moves => _moves ?? Prepare();

    /// <summary>Tokens that may come here, as far as the frame decides it; null: not yet computed.</summary>
    public MaskPart? Mask { get; set; }

    /// <summary>The same for tokens whose first bytes another frame has taken.</summary>
    public ConcurrentDictionary<Exits, MaskPart> Continued =>
        _continued ?? Interlocked.CompareExchange(ref _continued, new(), null) ?? _continued;

    private ConcurrentDictionary<Exits, MaskPart>? _continued;

    /// <summary>Drops what was computed for a vocabulary.</summary>
    public void ForgetMasks() => (Mask, _continued) = (null, null);

    private Moves Prepare()
    {
        lock (Space)
        {
            return _moves ??= new MovesBuilder(Space).Closure(this);
        }
    }
}

/// <summary>A call: the text of <paramref name="Start"/> up to a final state, then <paramref name="Return"/>.</summary>
internal readonly record struct CommandContext(State Start, State Return);

/// <summary>What leads out of a state.</summary>
internal sealed class Moves
{
    /// <summary>[256] the state after each byte; null where no byte may come.</summary>
    public required State?[]? Next { get; init; }

    public required CommandContext[] Calls { get; init; }

    /// <summary>Special tokens, which have no bytes.</summary>
    public required (string Token, State Target)[] Tokens { get; init; }

    /// <summary>How the frame may end here; empty: it may not.</summary>
    public required int[] Finals { get; init; }

    /// <summary>Whether only bytes lead on.</summary>
    public bool Plain => Calls.Length == 0 && Finals.Length == 0 && Tokens.Length == 0;

    /// <summary>Whether nothing can be done here but to return.</summary>
    public bool OnlyReturns => Next is null && Calls.Length == 0 && Tokens.Length == 0 && Finals is [0];
}
