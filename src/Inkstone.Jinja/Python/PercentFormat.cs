using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary><c>"%s of %d" % (…)</c>: Python's formatting in the manner of printf.</summary>
internal static class PercentFormat
{
    public static string Apply(string format, Value values)
    {
        StringBuilder text = new();
        IReadOnlyList<Value> row = values is TupleValue tuple ? tuple.Elements : [values];
        int used = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            i = Place(format, i + 1, text, values, NextValue);
            PythonText.CheckLength(text);
        }
        bool mappingLike = values.HasItems && values is not (TupleValue or StringValue);
        return used == row.Count || mappingLike
            ? text.ToString()
            : throw new TemplateFault("not all arguments converted during string formatting");

        Value NextValue() => used < row.Count ? row[used++] : throw new TemplateFault("not enough arguments for format string");
    }

    /// <summary>One place of the format; returns where its last character stands.</summary>
    private static int Place(string format, int i, StringBuilder text, Value values, Func<Value> next)
    {
        Value? named = null;
        if (i < format.Length && format[i] == '(')
        {
            int close = format.IndexOf(')', i);
            string key = close > 0 ? format[(i + 1)..close] : throw new TemplateFault("incomplete format key");
            named =
                (values is DictValue dict ? dict : throw new TemplateFault("format requires a mapping")).Item(new StringValue(key))
                ?? throw new TemplateFault($"the format names '{key}', which is not there");
            i = close + 1;
        }
        int flags = i;
        while (i < format.Length && format[i] is '-' or '+' or ' ' or '#' or '0')
        {
            i++;
        }
        string flag = format[flags..i];
        int width = Number(format, ref i, next, 0);
        int precision = i < format.Length && format[i] == '.' ? Number(format, ref i, next, 0, skip: 1) : -1;
        while (i < format.Length && format[i] is 'h' or 'l' or 'L')
        {
            i++;
        }
        char type = i < format.Length ? format[i] : throw new TemplateFault("incomplete format");
        if (type == '%')
        {
            text.Append('%');
            return i;
        }
        bool left = flag.Contains('-', StringComparison.Ordinal) || width < 0,
            zeros = flag.Contains('0', StringComparison.Ordinal) && !left;
        char align =
            left ? '<'
            : zeros && type is not ('s' or 'r' or 'a' or 'c') ? '='
            : '>';
        char sign =
            flag.Contains('+', StringComparison.Ordinal) ? '+'
            : flag.Contains(' ', StringComparison.Ordinal) ? ' '
            : '-';
        text.Append(
            Written(
                named ?? next(),
                type,
                new FormatSpec(
                    align == '=' ? "0" : " ",
                    align,
                    sign,
                    flag.Contains('#', StringComparison.Ordinal),
                    Math.Abs(width),
                    '\0',
                    precision,
                    type
                )
            )
        );
        return i;
    }

    private static int Number(string format, ref int i, Func<Value> next, int absent, int skip = 0)
    {
        i += skip;
        if (i < format.Length && format[i] == '*')
        {
            i++;
            return PythonNumber.Index(next()) is { } given && BigInteger.Abs(given) < StringValue.MaxLength
                ? (int)given
                : throw new TemplateFault("* wants int");
        }
        int from = i;
        while (i < format.Length && char.IsAsciiDigit(format[i]))
        {
            i++;
        }
        return from == i ? absent
            : int.TryParse(format.AsSpan(from, i - from), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : throw new TemplateFault("width too big");
    }

    private static string Written(Value value, char type, FormatSpec spec)
    {
        switch (type)
        {
            case 's' or 'r' or 'a':
                return (spec with { Type = 's' }).Apply(
                    new StringValue(
                        type == 's' ? value.Text
                        : type == 'r' ? value.Repr
                        : PythonJson.Ascii(value.Repr)
                    )
                );
            case 'c' when value is StringValue text && text.Count == 1:
                return (spec with { Type = 's' }).Apply(text);
            case 'd' or 'i' or 'u' when value is FloatValue real && double.IsFinite(real.Number):
                return (spec with { Type = 'd' }).Apply(new IntValue(new BigInteger(real.Number)));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'c' when PythonNumber.Index(value) is { } whole:
                return (spec with { Type = type is 'i' or 'u' ? 'd' : type }).Apply(new IntValue(whole));
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when PythonNumber.IsNumber(value):
                return spec.Apply(new FloatValue(PythonNumber.Real(value)));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'c' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                throw value is UndefinedValue undefined
                    ? undefined.Fault
                    : new TemplateFault($"%{type} format: a number is required, not {value.TypeName}");
            default:
                throw new TemplateFault($"unsupported format character '{type}'");
        }
    }
}
