using System.Runtime.CompilerServices;

namespace Inkstone.Jinja;

/// <summary>Python's comparisons, and a stable sort by them.</summary>
internal static class Comparison
{
    public static bool Apply(string op, Value a, Value b) =>
        b is UndefinedValue { IsStrict: true } undefined
            ? throw undefined.Fault
            : op switch
            {
                "==" => a.Equals(b),
                "!=" => !a.Equals(b),
                "in" => b.Contains(a),
                "not in" => !b.Contains(a),
                _ => Order(op, a, b) is { } order
                    && op switch
                    {
                        "<" => order < 0,
                        "<=" => order <= 0,
                        ">" => order > 0,
                        _ => order >= 0,
                    },
            };

    /// <summary>Negative, zero or positive; null for NaN, which has no order.</summary>
    private static int? Order(string op, Value a, Value b)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (a, b)
        {
            case (UndefinedValue undefined, _):
                throw undefined.Fault;
            case (_, UndefinedValue undefined):
                throw undefined.Fault;
            case (StringValue x, StringValue y):
                return CodePoints.Compare(x.Content, y.Content);
            case (SequenceValue x, SequenceValue y) when x is ListValue == y is ListValue:
                for (int i = 0; i < Math.Min(x.Elements.Count, y.Elements.Count); i++)
                {
                    if (!x.Elements[i].Equals(y.Elements[i]))
                    {
                        return Order(op, x.Elements[i], y.Elements[i]);
                    }
                }
                return x.Elements.Count.CompareTo(y.Elements.Count);
            default:
                return PythonNumber.IsNumber(a) && PythonNumber.IsNumber(b)
                    ? PythonNumber.Order(a, b)
                    : throw new TemplateFault($"'{op}' not supported between instances of '{a.TypeName}' and '{b.TypeName}'");
        }
    }

    /// <summary>sorted(values, key, reverse): equal ones keep their order.</summary>
    public static Value[] Sort(IEnumerable<Value> values, Func<Value, Value> key, bool reverse)
    {
        (Value Key, Value Value)[] rows = [.. values.Select(v => (key(v), v))];
        (Value Key, Value Value)[] spare = new (Value Key, Value Value)[rows.Length];
        // A merge sort, because the library's sort is not stable and wraps faults of the comparison.
        for (int width = 1; width < rows.Length; width *= 2)
        {
            for (int from = 0; from < rows.Length; from += 2 * width)
            {
                Merge(rows, spare, from, Math.Min(from + width, rows.Length), Math.Min(from + (2 * width), rows.Length), reverse);
            }
            (rows, spare) = (spare, rows);
        }
        return [.. rows.Select(r => r.Value)];
    }

    private static void Merge((Value Key, Value Value)[] from, (Value Key, Value Value)[] to, int left, int middle, int right, bool reverse)
    {
        int i = left,
            j = middle;
        for (int k = left; k < right; k++)
        {
            bool takeRight =
                i >= middle || (j < right && (reverse ? Apply("<", from[i].Key, from[j].Key) : Apply("<", from[j].Key, from[i].Key)));
            to[k] = from[takeRight ? j++ : i++];
        }
    }
}
