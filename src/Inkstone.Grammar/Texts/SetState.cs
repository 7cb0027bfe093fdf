namespace Inkstone.Grammar;

/// <summary>Before one character of a set, in UTF-8.</summary>
internal sealed class SetState : State
{
    private readonly (int Low, int High)[] _ranges;
    private readonly State _then;
    private readonly int _value;
    private readonly int _rest; // bytes of the character that are still to come; -1: it has not begun

    private SetState(StateSpace space, (int, int)[] ranges, State then, int value, int rest)
        : base(space) => (_ranges, _then, _value, _rest) = (ranges, then, value, rest);

    public override bool NeverEmpty => true;

    /// <summary>One character of the ranges, and behind it <paramref name="then"/>.</summary>
    public static State Before((int Low, int High)[] ranges, State then) =>
        new SetState(then.Space, CodePoints.Not(CodePoints.Not(ranges)), then, 0, -1);

    public override void Build(MovesBuilder to)
    {
        if (_rest >= 0)
        {
            for (int b = 0; b < 64; b++)
            {
                Add(
                    to,
                    0x80 + b,
                    (_value << 6) + b,
                    _rest - 1,
                    _rest == 3 ? 0x10000
                        : _rest == 2 ? 0x800
                        : 0x80
                );
            }
            return;
        }
        for (int b = 0; b < 0x80; b++)
        {
            Add(to, b, b, 0, 0);
        }
        for (int b = 0xC2; b <= 0xF4; b++)
        {
            (int rest, int bits) =
                b < 0xE0 ? (1, b & 0x1F)
                : b < 0xF0 ? (2, b & 0x0F)
                : (3, b & 0x07);
            Add(
                to,
                b,
                bits,
                rest,
                rest == 3 ? 0x10000
                    : rest == 2 ? 0x800
                    : 0x80
            );
        }
    }

    private void Add(MovesBuilder to, int b, int value, int rest, int least)
    {
        (int low, int high) = (Math.Max(value << (6 * rest), least), ((value + 1) << (6 * rest)) - 1);
        if (low <= high && _ranges.Any(r => r.Low <= high && r.High >= low))
        {
            to.Byte(b, rest == 0 ? _then : Space.Intern((this, value, rest), () => new SetState(Space, _ranges, _then, value, rest)));
        }
    }
}
