using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary><c>"{} and {name:>8}".format(…)</c>.</summary>
internal sealed class StringFormat(Arguments arguments)
{
    private int _automatic;

    public string Apply(string format, int depth = 2)
    {
        if (depth < 0)
        {
            throw new TemplateFault("max string recursion exceeded");
        }
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            bool doubled = i + 1 < format.Length && format[i + 1] == c;
            if (c is '{' or '}' && doubled)
            {
                text.Append(c);
                i++;
            }
            else if (c == '}')
            {
                throw new TemplateFault("single '}' encountered in format string");
            }
            else if (c == '{')
            {
                int end = FieldEnd(format, i);
                text.Append(Field(format[(i + 1)..end], depth));
                i = end;
            }
            else
            {
                text.Append(c);
            }
            PythonText.CheckLength(text);
        }
        return text.ToString();
    }

    private static int FieldEnd(string format, int open)
    {
        int depth = 0;
        for (int i = open; i < format.Length; i++)
        {
            depth +=
                format[i] == '{' ? 1
                : format[i] == '}' ? -1
                : 0;
            if (depth == 0)
            {
                return i;
            }
        }
        throw new TemplateFault("expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        int colon = field.AsSpan().IndexOfAny(':', '!');
        // A colon within brackets belongs to a key.
        int bracket = field.IndexOf('[', StringComparison.Ordinal);
        if (bracket >= 0 && bracket < colon && field.IndexOf(']', bracket) is > 0 and int close)
        {
            int after = field.AsSpan(close).IndexOfAny(':', '!');
            colon = after < 0 ? -1 : close + after;
        }
        string name = colon < 0 ? field : field[..colon],
            rest = colon < 0 ? "" : field[colon..];
        Value value = Named(name);
        if (rest.StartsWith('!'))
        {
            value =
                rest.Length < 2
                    ? throw new TemplateFault("end of string while looking for conversion specifier")
                    : rest[1] switch
                    {
                        's' => new StringValue(value.Text),
                        'r' => new StringValue(value.Repr),
                        'a' => new StringValue(PythonJson.Ascii(value.Repr)),
                        _ => throw new TemplateFault($"unknown conversion specifier {rest[1]}"),
                    };
            rest = rest[2..];
            if (rest.Length > 0 && rest[0] != ':')
            {
                throw new TemplateFault("expected ':' after conversion specifier");
            }
        }
        string spec = rest.Length > 0 ? Apply(rest[1..], depth - 1) : "";
        return spec.Length == 0 ? value.Text : FormatSpec.Parse(spec).Apply(value);
    }

    private Value Named(string name)
    {
        int end = name.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? name : name[..end];
        Value value = First(first);
        for (int i = first.Length; i < name.Length; )
        {
            int stop = name[i] == '.' ? name.AsSpan(i + 1).IndexOfAny('.', '[') : name.AsSpan(i + 1).IndexOf(']');
            stop =
                stop >= 0 ? i + 1 + stop
                : name[i] == '.' ? name.Length
                : throw new TemplateFault("expected '}' before end of string");
            string key = name[(i + 1)..stop];
            value =
                name[i] == '.'
                    ? Lookup.Attribute(value, key)
                    : Lookup.Item(
                        value,
                        IsWhole(key) ? new IntValue(BigInteger.Parse(key, CultureInfo.InvariantCulture)) : new StringValue(key)
                    );
            i = stop + (name[i] == '.' ? 0 : 1);
        }
        return value;
    }

    private Value First(string name)
    {
        if (name.Length == 0 || IsWhole(name))
        {
            int at =
                name.Length == 0 ? _automatic++
                : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
                : int.MaxValue;
            return at < arguments.Positional.Count
                ? arguments.Positional[at]
                : throw new TemplateFault($"replacement index {at} is out of range for the arguments of format()");
        }
        foreach ((string key, Value value) in arguments.Named)
        {
            if (key == name)
            {
                return value;
            }
        }
        throw new TemplateFault($"the format names '{name}', which is not there");
    }

    private static bool IsWhole(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);
}
