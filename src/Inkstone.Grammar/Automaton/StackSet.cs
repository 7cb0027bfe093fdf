using System.Runtime.CompilerServices;

namespace Inkstone.Grammar;

/// <summary>
/// All stacks of the automaton that a text may have led to, as a graph: a frame is the text of one call, begun at one place, and links back
/// to every
/// caller (Tomita's graph-structured stack, with frames shared as in generalised LL parsing, so left recursion is a loop and not endless).
/// A configuration is a set of (state, frame); frame 0 is the text itself.
/// </summary>
internal sealed class StackSet
{
    private State[] _starts = new State[64];
    private int[] _begins = new int[64]; // bytes before the frame
    private int[] _links = new int[64]; // first link of the frame, -1: none
    private int _frames;

    private State[] _returns = new State[64];
    private int[] _callers = new int[64];
    private int[] _nextLinks = new int[64];
    private int _linkCount;

    private State[] _states = new State[256]; // configurations, one behind the other
    private int[] _tops = new int[256];
    private int _end;
    private bool _goesOn; // whether something of the newest configuration can take another byte or token

    /// <summary>Who looks for doubled names before a frame that spells one ends.</summary>
    public PropertyNames? Names { get; set; }

    /// <summary>Where the items of the newest configuration begin.</summary>
    public int Begin { get; private set; }

    /// <summary>Where they end.</summary>
    public int End => _end;

    /// <summary>Bytes taken.</summary>
    public int Position { get; private set; }

    /// <summary>Whether frame 0 may end after the newest byte.</summary>
    public bool Ended { get; private set; }

    /// <summary>How, directly after a step.</summary>
    public List<int> EndTags { get; private set; } = [];

    /// <summary>A place to come back to.</summary>
    public readonly record struct Mark(int Frames, int Links, int Begin, int End, int Position, bool Ended);

    public Mark Here => new(_frames, _linkCount, Begin, _end, Position, Ended);

    public void Return(in Mark mark) =>
        (_frames, _linkCount, Begin, _end, Position, Ended) = (mark.Frames, mark.Links, mark.Begin, mark.End, mark.Position, mark.Ended);

    public State StateAt(int item) => _states[item];

    public int FrameAt(int item) => _tops[item];

    public int FrameCount => _frames;

    public State StartOf(int frame) => _starts[frame];

    public int BeginOf(int frame) => _begins[frame];

    public int FirstLink(int frame) => _links[frame];

    public (State Return, int Caller, int Next) Link(int link) => (_returns[link], _callers[link], _nextLinks[link]);

    /// <summary>Begins with one state in frame 0.</summary>
    public void Reset(State start)
    {
        (_frames, _linkCount, _end, Begin, Position, Ended) = (0, 0, 0, 0, 0, false);
        EndTags.Clear();
        _ = NewFrame(start, -1);
        Add(start, 0);
    }

    /// <summary>Begins with the bytes that lead out of a state itself, and not with what it calls.</summary>
    public void ResetBare(State start)
    {
        (_frames, _linkCount, Begin, _end, Position, Ended) = (0, 0, 0, 1, 0, false);
        _ = NewFrame(start, -1);
        (_states[0], _tops[0]) = (start, 0);
    }

    /// <summary>Moves the newest configuration to <paramref name="begin"/>, over those between, which nobody will come back to.</summary>
    public void Compact(int begin)
    {
        Array.Copy(_states, Begin, _states, begin, _end - Begin);
        Array.Copy(_tops, Begin, _tops, begin, _end - Begin);
        (Begin, _end) = (begin, begin + _end - Begin);
    }

    /// <summary>Takes a byte; false, and one has to <see cref="Return"/>, where no stack can take it and frame 0 does not end.</summary>
    public bool Step(byte b)
    {
        (int from, int to) = (Begin, _end);
        (Begin, Ended, _goesOn) = (to, false, false);
        EndTags.Clear();
        Position++;
        for (int i = from; i < to; i++)
        {
            if (_states[i].Moves.Next is { } next && next[b] is { } target)
            {
                Add(target, _tops[i]);
            }
        }
        return _goesOn || Ended;
    }

    /// <summary>Takes a special token.</summary>
    public bool Step(string token)
    {
        (int from, int to) = (Begin, _end);
        (Begin, Ended, _goesOn) = (to, false, false);
        EndTags.Clear();
        Position++;
        for (int i = from; i < to; i++)
        {
            foreach ((string name, State target) in _states[i].Moves.Tokens)
            {
                if (name == token)
                {
                    Add(target, _tops[i]);
                }
            }
        }
        return _goesOn || Ended;
    }

    /// <summary>A copy that shares nothing.</summary>
    public StackSet Clone()
    {
        StackSet copy = (StackSet)MemberwiseClone();
        (copy._starts, copy._begins, copy._links) = ([.. _starts], [.. _begins], [.. _links]);
        (copy._returns, copy._callers, copy._nextLinks) = ([.. _returns], [.. _callers], [.. _nextLinks]);
        (copy._states, copy._tops, copy.Names, copy.EndTags) = ([.. _states], [.. _tops], null, [.. EndTags]);
        return copy;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(State state, int frame)
    {
        for (int i = Begin; i < _end; i++)
        {
            if (_states[i] == state && _tops[i] == frame)
            {
                return;
            }
        }
        if (_end == _states.Length)
        {
            Array.Resize(ref _states, 2 * _end);
            Array.Resize(ref _tops, 2 * _end);
        }
        (_states[_end], _tops[_end]) = (state, frame);
        _end++;
        Moves moves = state.Moves;
        _goesOn |= moves.Next is not null;
        if (!moves.Plain)
        {
            _goesOn |= moves.Tokens.Length > 0;
            Follow(moves, frame);
        }
    }

    /// <summary>What can be reached without a byte: the ends of the frame and the calls.</summary>
    private void Follow(Moves moves, int frame)
    {
        foreach (int tag in moves.Finals)
        {
            if (frame == 0)
            {
                Ended = true;
                EndTags.Add(tag);
            }
            else if (_begins[frame] != Position && (Names is null || !_starts[frame].IsName || Names.MayEnd(this, frame))) // an empty text was followed when the call was made
            {
                for (int link = _links[frame]; link >= 0; link = _nextLinks[link])
                {
                    if (_returns[link].Return(tag) is { } then)
                    {
                        Add(then, _callers[link]);
                    }
                }
            }
        }
        foreach (CommandContext call in moves.Calls)
        {
            Enter(call, frame);
        }
    }

    private void Enter(CommandContext call, int frame)
    {
        int callee = -1;
        for (int f = _frames - 1; f > 0 && _begins[f] == Position && callee < 0; f--)
        {
            callee = _starts[f] == call.Start ? f : -1;
        }
        bool isNew = callee < 0;
        callee = isNew ? NewFrame(call.Start, Position) : callee;
        if (call.Return.Moves.OnlyReturns && frame > 0 && _begins[frame] != Position)
        {
            // The caller has nothing left to do: the callee returns to the caller's callers, and the stack does not grow with a list.
            for (int link = _links[frame]; link >= 0; link = _nextLinks[link])
            {
                AddLink(callee, _returns[link], _callers[link]);
            }
        }
        else
        {
            AddLink(callee, call.Return, frame);
        }
        if (isNew)
        {
            Add(call.Start, callee);
        }
    }

    private int NewFrame(State start, int begin)
    {
        if (_frames == _starts.Length)
        {
            Array.Resize(ref _starts, 2 * _frames);
            Array.Resize(ref _begins, 2 * _frames);
            Array.Resize(ref _links, 2 * _frames);
        }
        (_starts[_frames], _begins[_frames], _links[_frames]) = (start, begin, -1);
        return _frames++;
    }

    private void AddLink(int frame, State then, int caller)
    {
        for (int link = _links[frame]; link >= 0; link = _nextLinks[link])
        {
            if (_returns[link] == then && _callers[link] == caller)
            {
                return;
            }
        }
        if (_linkCount == _returns.Length)
        {
            Array.Resize(ref _returns, 2 * _linkCount);
            Array.Resize(ref _callers, 2 * _linkCount);
            Array.Resize(ref _nextLinks, 2 * _linkCount);
        }
        (_returns[_linkCount], _callers[_linkCount], _nextLinks[_linkCount]) = (then, caller, _links[frame]);
        _links[frame] = _linkCount++;
    }
}
