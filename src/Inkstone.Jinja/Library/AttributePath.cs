using System.Globalization;
using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>The way to a part of a value that filters are given as <c>attribute="function.arguments.0"</c>.</summary>
internal sealed class AttributePath(IReadOnlyList<Value> steps)
{
    public static AttributePath Parse(Value attribute) =>
        attribute switch
        {
            NoneValue => new([]),
            StringValue text => new([.. text.Content.Split('.').Select(Step)]),
            _ => new([attribute]),
        };

    /// <summary>The part of a value; where a step leads nowhere <paramref name="otherwise"/> takes its place, if it is given.</summary>
    public Value Follow(Value value, Value? otherwise = null)
    {
        foreach (Value step in steps)
        {
            value = Lookup.Item(value, step);
            value = value is UndefinedValue && otherwise is not null ? otherwise : value;
        }
        return value;
    }

    /// <summary>What sorting and comparing without regard to case looks at.</summary>
    public static Value IgnoreCase(Value value) => value is StringValue text ? text.With(PythonCase.Lower(text.Content)) : value;

    private static Value Step(string step) =>
        step.Length > 0 && step.All(char.IsAsciiDigit)
            ? new IntValue(BigInteger.Parse(step, CultureInfo.InvariantCulture))
            : new StringValue(step);
}
