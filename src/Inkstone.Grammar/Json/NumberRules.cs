using System.Collections.Immutable;
using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>A condition on numbers.</summary>
internal abstract record NumberTest
{
    /// <summary>Above or below a bound, or the same.</summary>
    public sealed record Bound(ExactNumber Value, bool Above, bool Inclusive) : NumberTest;

    /// <summary>A multiple of a number above 0, or not one; an integer is a multiple of 1.</summary>
    public sealed record Multiple(ExactNumber Of, bool Holds) : NumberTest;

    /// <summary>One of several numbers, or none of them.</summary>
    public sealed record OneOf(ImmutableArray<ExactNumber> Values, bool Holds) : NumberTest;
}

/// <summary>The numbers that pass all of some tests, as an automaton over their text.</summary>
internal sealed class NumberRules
{
    public const int LargestDivisor = 20_000;
    private const int MoreWholeDigits = 4;

    private readonly DigitMachine[] _machines;
    private readonly List<Func<int[], bool>> _tests = [];
    private readonly int _whole; // most digits before the point
    private readonly int _all; // most digits of a number with a fraction
    private readonly bool _fraction;
    private readonly bool _exponent;

    private NumberRules(IReadOnlyCollection<NumberTest> tests, int maxDigits)
    {
        List<DigitMachine> machines = [];
        (int whole, int all, bool fraction) = (maxDigits + MoreWholeDigits, maxDigits, true);
        foreach (NumberTest test in tests)
        {
            int first = machines.Count;
            switch (test)
            {
                case NumberTest.Bound bound:
                    machines.Add(new Comparison(bound.Value));
                    _tests.Add(r => r[first] == 0 ? bound.Inclusive : r[first] > 0 == bound.Above);
                    Room(bound.Value);
                    break;
                case NumberTest.Multiple multiple:
                    if (multiple.Of.Mantissa > LargestDivisor)
                    {
                        throw new GrammarException($"multipleOf with more than the number {LargestDivisor} in its digits is not supported");
                    }
                    machines.Add(new Division((int)multiple.Of.Mantissa, multiple.Of.Scale));
                    _tests.Add(r => r[first] == 1 == multiple.Holds);
                    all = Math.Max(all, multiple.Of.Scale + 2);
                    break;
                case NumberTest.OneOf set:
                    machines.AddRange(set.Values.Select(v => new Comparison(v)));
                    int last = machines.Count;
                    _tests.Add(r => r.AsSpan(first..last).Contains(0) == set.Holds);
                    set.Values.ToList().ForEach(Room);
                    break;
            }
        }
        // A value has many spellings, such as 5, 5.0 and 5.00: where all are known to be whole, no point is made.
        fraction = !tests.Any(t =>
            t is NumberTest.Multiple { Holds: true, Of.Scale: 0 }
            || (t is NumberTest.OneOf { Holds: true } set && set.Values.All(v => v.Scale == 0))
        );
        (_machines, _whole, _all, _fraction, _exponent) = ([.. machines], whole, all, fraction, tests.Count == 0);

        void Room(ExactNumber value) =>
            (whole, all) = (Math.Max(whole, value.Whole.Length + 1), Math.Max(all, value.Whole.Length + value.Scale + 1));
    }

    /// <summary>The texts of the numbers that pass the tests.</summary>
    public static CharDfa Automaton(IReadOnlyCollection<NumberTest> tests, int maxDigits)
    {
        NumberRules rules = new(tests, maxDigits);
        return CharDfa.Make(new Place(Phase.Start, 0, false, []), p => rules.Accepts(p) ? 1 : 0, rules.Next);
    }

    private enum Phase
    {
        Start,
        Minus,
        Zero,
        Whole,
        Point,
        Fraction,
        E,
        Sign,
        Exponent,
    }

    private bool Accepts(Place p)
    {
        if (p.Phase is not (Phase.Zero or Phase.Whole or Phase.Fraction or Phase.Exponent))
        {
            return false;
        }
        int[] results = [.. _machines.Select((m, i) => m.Result(p.States[i], p.Negative, p.Phase == Phase.Fraction))];
        return _tests.TrueForAll(t => t(results));
    }

    private IReadOnlyList<(int, int, Place)> Next(Place p)
    {
        List<(int, int, Place)> next = [];
        void To(char c, Place place) => next.Add((c, c, place));

        bool whole = p.Phase is Phase.Zero or Phase.Whole;
        if (p.Phase == Phase.Start)
        {
            To('-', new Place(Phase.Minus, 0, true, []));
        }
        if (p.Phase is Phase.E)
        {
            To('+', p with { Phase = Phase.Sign });
            To('-', p with { Phase = Phase.Sign });
        }
        if (whole && _fraction && p.Count < _all)
        {
            To('.', new Place(Phase.Point, p.Count, p.Negative, [.. p.States.Select((s, i) => _machines[i].Point(s))]));
        }
        for (int d = 0; d < 10; d++)
        {
            char c = (char)('0' + d);
            switch (p.Phase)
            {
                case Phase.Start or Phase.Minus:
                    To(
                        c,
                        new Place(
                            d == 0 ? Phase.Zero : Phase.Whole,
                            1,
                            p.Negative,
                            [.. _machines.Select(m => m.Digit(m.Start(p.Negative), d, false))]
                        )
                    );
                    break;
                case Phase.Whole when p.Count < _whole:
                    To(c, new Place(Phase.Whole, p.Count + 1, p.Negative, Digit(p, d, false)));
                    break;
                case Phase.Point or Phase.Fraction when p.Count < _all:
                    To(c, new Place(Phase.Fraction, p.Count + 1, p.Negative, Digit(p, d, true)));
                    break;
                case Phase.E or Phase.Sign:
                    To(c, new Place(Phase.Exponent, 1, false, []));
                    break;
                case Phase.Exponent when p.Count < 2:
                    To(c, new Place(Phase.Exponent, p.Count + 1, false, []));
                    break;
            }
        }
        if (_exponent && (whole || p.Phase == Phase.Fraction))
        {
            To('E', new Place(Phase.E, 0, false, []));
            To('e', new Place(Phase.E, 0, false, []));
        }
        return [.. next.OrderBy(e => e.Item1)];
    }

    private int[] Digit(Place p, int d, bool fraction) => [.. p.States.Select((s, i) => _machines[i].Digit(s, d, fraction))];

    private sealed record Place(Phase Phase, int Count, bool Negative, int[] States)
    {
        public bool Equals(Place? other) =>
            other is not null
            && Phase == other.Phase
            && Count == other.Count
            && Negative == other.Negative
            && States.AsSpan().SequenceEqual(other.States);

        public override int GetHashCode() => States.Aggregate(HashCode.Combine(Phase, Count, Negative), HashCode.Combine);
    }

    /// <summary>What is to be known of the digits so far.</summary>
    private abstract class DigitMachine
    {
        public abstract int Start(bool negative);

        public abstract int Digit(int state, int d, bool fraction);

        public abstract int Point(int state);

        public abstract int Result(int state, bool negative, bool fraction);
    }

    /// <summary>How the number compares with a constant: -1, 0 or 1. A state is 3 · digits seen of the part + 1 + the comparison so far; a
    /// number of another sign is compared with 0.</summary>
    private sealed class Comparison(ExactNumber value) : DigitMachine
    {
        private readonly string _whole = value.Whole;
        private readonly string _part = value.Fraction;

        private bool Same(bool negative) => negative == value.IsNegative;

        // Compared with 0 only one thing counts: whether a digit above 0 was seen. Such states are below 0: -1 no, -2 yes.
        public override int Start(bool negative) => Same(negative) ? 1 : -1;

        public override int Digit(int state, int d, bool fraction)
        {
            if (state < 0)
            {
                return d > 0 ? -2 : state;
            }
            (int n, int sign) = (state / 3, (state % 3) - 1);
            string digits = fraction ? _part : _whole;
            if (sign == 0)
            {
                int other = n < digits.Length ? digits[n] - '0' : 0;
                sign = d.CompareTo(other);
                if (!fraction && n >= digits.Length)
                {
                    sign = 0; // longer: decided by length
                }
            }
            return (3 * Math.Min(n + 1, digits.Length + (fraction ? 0 : 1))) + 1 + sign;
        }

        public override int Point(int state) => state < 0 ? state : 1 + Whole(state);

        public override int Result(int state, bool negative, bool fraction)
        {
            if (state < 0)
            {
                int above = negative ? -1 : 1; // the number against 0, where it is not 0
                return state == -2 ? above
                    : value.Mantissa.Sign == 0 ? 0
                    : -value.Mantissa.Sign;
            }
            int size =
                fraction ? Fraction(state)
                : Whole(state) is var whole && whole != 0 ? whole
                : _part.Length > 0 ? -1
                : 0;
            return negative ? -size : size;
        }

        private int Whole(int state)
        {
            int n = state / 3;
            return n < _whole.Length ? -1
                : n > _whole.Length ? 1
                : (state % 3) - 1;
        }

        private int Fraction(int state)
        {
            int sign = (state % 3) - 1;
            return sign != 0 ? sign
                : state / 3 < _part.Length ? -1
                : 0;
        }
    }

    /// <summary>Whether the number is a multiple of <paramref name="divisor"/> / 10^<paramref name="scale"/>. A state is divisor · digits
    /// of the fraction + remainder; -1: never.</summary>
    private sealed class Division(int divisor, int scale) : DigitMachine
    {
        public override int Start(bool negative) => 0;

        public override int Point(int state) => state;

        public override int Digit(int state, int d, bool fraction)
        {
            if (state < 0)
            {
                return state;
            }
            (int n, int rest) = (state / divisor, state % divisor);
            if (fraction && n == scale)
            {
                return d == 0 ? state : -1;
            }
            return ((fraction ? n + 1 : 0) * divisor) + (int)(((10L * rest) + d) % divisor);
        }

        public override int Result(int state, bool negative, bool fraction)
        {
            if (state < 0)
            {
                return 0;
            }
            BigInteger rest = state % divisor;
            return (rest * BigInteger.Pow(10, scale - (state / divisor))) % divisor == 0 ? 1 : 0;
        }
    }
}
