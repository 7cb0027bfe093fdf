using System.Collections.Immutable;

namespace Inkstone.Grammar;

/// <summary>Before a value: its first byte decides of which type it is.</summary>
internal sealed class ValueState(SchemaSpace schemas, Conjunction value) : State(schemas.Space)
{
    public override bool NeverEmpty => true;

    public override void Build(MovesBuilder to)
    {
        foreach (ValueBox box in schemas.Boxes(value))
        {
            Word(box.Null, "null"u8);
            Word(box.True, "true"u8);
            Word(box.False, "false"u8);
            if (box.Number is { } number)
            {
                to.Empty(Number(number));
            }
            if (box.Text?.Rules() is { } rules)
            {
                to.Byte('"', TextState.Intern(Space, box.Text.IsListed ? Spelling.JsonListed : Spelling.JsonString, rules));
            }
            if (box.Array is { } items && new ArrayBody(schemas, items) is { IsPossible: true } array)
            {
                to.Byte('[', array.Start);
            }
            if (box.Object is { } properties && new ObjectBody(schemas, properties) is { IsPossible: true } body)
            {
                to.Byte('{', body.Start);
            }
        }

        void Word(bool may, ReadOnlySpan<byte> word)
        {
            if (may)
            {
                to.Empty(Space.Literal(word, Space.End));
            }
        }
    }

    private State Number(ImmutableArray<NumberTest> tests)
    {
        CharDfa dfa =
            tests.Length == 0
                ? ((Shared)Space.Intern("number", () => new Shared(Space, schemas.Numbers(tests)))).Dfa
                : schemas.Numbers(tests);
        return dfa.IsEmpty ? new Node(Space) : NumberState.Intern(Space, dfa, 0);
    }

    private sealed class Shared(StateSpace space, CharDfa dfa) : State(space)
    {
        public CharDfa Dfa => dfa;

        public override void Build(MovesBuilder to) { }
    }
}

/// <summary>A place in a number.</summary>
internal sealed class NumberState : State
{
    private readonly CharDfa _dfa;
    private readonly int _at;

    private NumberState(StateSpace space, CharDfa dfa, int at)
        : base(space) => (_dfa, _at) = (dfa, at);

    public static State Intern(StateSpace space, CharDfa dfa, int at) => space.Intern((dfa, at), () => new NumberState(space, dfa, at));

    public override bool NeverEmpty => _dfa.Tags[_at] == 0;

    public override void Build(MovesBuilder to)
    {
        foreach ((int low, int high, int target) in _dfa.Edges[_at])
        {
            to.Bytes(low, high, Intern(Space, _dfa, target));
        }
        if (_dfa.Tags[_at] > 0)
        {
            to.Final(0);
        }
    }
}
