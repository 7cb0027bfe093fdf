using System.Globalization;
using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>
/// One place of a format, [[fill]align][sign][#][0][width][grouping][.precision][type]: Python's format specification, to which the places
/// of <c>%</c> formats are brought as well.
/// </summary>
internal sealed record FormatSpec(string Fill, char Align, char Sign, bool Alternate, int Width, char Grouping, int Precision, char Type)
{
    private const int MostPlaces = 5000;

    /// <summary>Reads what stands behind the colon of a format's field.</summary>
    public static FormatSpec Parse(string spec)
    {
        int i = 0;
        string fill = "";
        char align = '\0',
            sign = '-',
            grouping = '\0';
        int filled = spec.Length > 0 ? CodePoints.LengthAt(spec, 0) : 0;
        if (spec.Length > filled && spec[filled] is '<' or '>' or '=' or '^')
        {
            (fill, align, i) = (spec[..filled], spec[filled], filled + 1);
        }
        else if (spec.Length > 0 && spec[0] is '<' or '>' or '=' or '^')
        {
            (align, i) = (spec[0], 1);
        }
        sign = i < spec.Length && spec[i] is '+' or '-' or ' ' ? spec[i++] : sign;
        bool alternate = Take('#');
        if (i < spec.Length && spec[i] == '0')
        {
            i++;
            fill = fill.Length == 0 ? "0" : fill;
            align = align == '\0' ? '=' : align;
        }
        int width = Number(0);
        grouping = i < spec.Length && spec[i] is ',' or '_' ? spec[i++] : grouping;
        int precision = Take('.') ? Number(-2) : -1;
        char type = i < spec.Length ? spec[i++] : '\0';
        return i == spec.Length && precision != -2
            ? new FormatSpec(fill.Length == 0 ? " " : fill, align, sign, alternate, width, grouping, precision, type)
            : throw new TemplateFault($"'{spec}' is no format specification");

        bool Take(char c) => i < spec.Length && spec[i] == c && i++ >= 0;

        int Number(int absent)
        {
            int from = i;
            while (i < spec.Length && char.IsAsciiDigit(spec[i]))
            {
                i++;
            }
            return from == i ? absent
                : int.TryParse(spec.AsSpan(from, i - from), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value
                : throw new TemplateFault("too many decimal digits in format string");
        }
    }

    public string Apply(Value value)
    {
        switch (value)
        {
            case StringValue text:
                return Type is '\0' or 's' && Align != '='
                    ? PythonText.Pad(Precision >= 0 ? Cut(text.Content) : text.Content, Width, Fill, Align == '\0' ? '<' : Align)
                    : throw Unknown("str");
            case BoolValue when Type == '\0':
                return PythonText.Pad(value.Text, Width, Fill, Align == '\0' ? '<' : Align);
            case IntValue or BoolValue when Type is '\0' or 'b' or 'c' or 'd' or 'n' or 'o' or 'x' or 'X':
                return Whole(PythonNumber.Index(value)!.Value);
            case IntValue or BoolValue or FloatValue:
                return Real(PythonNumber.Real(value));
            case UndefinedValue:
                return PythonText.Pad("", Width, Fill, '<');
            default:
                return this == Parse("")
                    ? value.Text
                    : throw new TemplateFault($"unsupported format string passed to {value.TypeName}.__format__");
        }
    }

    private string Cut(string text) => CodePoints.Pick(text, new SliceRange(0, 1, Math.Min(Precision, CodePoints.Count(text))));

    private TemplateFault Unknown(string type) => new($"unknown format code '{Type}' for object of type '{type}'");

    private string Whole(BigInteger number)
    {
        if (Type == 'c')
        {
            return number >= 0 && number < 0x110000
                ? PythonText.Pad(CodePoints.ToText((int)number), Width, Fill, Align == '\0' ? '<' : Align)
                : throw new TemplateFault("%c arg not in range(0x110000)");
        }
        BigInteger size = BigInteger.Abs(number);
        string digits = Type switch
        {
            'x' or 'X' => size.IsZero ? "0" : size.ToString("x", CultureInfo.InvariantCulture).TrimStart('0'),
            'b' => size.IsZero ? "0" : size.ToString("b", CultureInfo.InvariantCulture).TrimStart('0'),
            'o' => Octal(size),
            _ => size.ToString(CultureInfo.InvariantCulture),
        };
        digits = Precision > 0 ? digits.PadLeft(Math.Min(Precision, MostPlaces), '0') : digits;
        string prefix = Alternate && Type is 'x' or 'X' or 'b' or 'o' ? "0" + Type : "";
        return Placed(number.Sign < 0, prefix, Type == 'X' ? digits.ToUpperInvariant() : digits, "");
    }

    private static string Octal(BigInteger size)
    {
        StringBuilder digits = new();
        do
        {
            digits.Insert(0, (char)('0' + (int)(size % 8)));
            size /= 8;
        } while (!size.IsZero);
        return digits.ToString();
    }

    private string Real(double number)
    {
        double size = Math.Abs(number);
        if (Precision > MostPlaces)
        {
            throw new TemplateFault($"a format asks for {Precision} digits; {MostPlaces} are the most");
        }
        int precision = Precision < 0 ? 6 : Precision;
        string text = Type switch
        {
            _ when !double.IsFinite(size) => double.IsNaN(size) ? "nan" : "inf",
            'f' or 'F' => Decimals.Fixed(size, precision),
            '%' => Decimals.Fixed(size * 100, precision),
            'e' or 'E' => Decimals.Scientific(size, precision, 'e'),
            'g' or 'G' or 'n' => Decimals.General(size, precision, 'e', Alternate),
            '\0' when Precision < 0 => PythonNumber.Repr(size),
            '\0' => Decimals.General(size, precision, 'e', Alternate, asFloat: true),
            _ => throw Unknown("float"),
        };
        text = Type is 'E' or 'F' or 'G' ? text.ToUpperInvariant() : text;
        int end = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        string whole = double.IsFinite(size) && end >= 0 ? text[..end] : text;
        return Placed(double.IsNegative(number) && !double.IsNaN(number), "", whole, text[whole.Length..] + (Type == '%' ? "%" : ""));
    }

    private string Placed(bool negative, string prefix, string digits, string rest)
    {
        string sign =
            negative ? "-"
            : Sign is '+' or ' ' ? Sign.ToString()
            : "";
        int fixedLength = sign.Length + prefix.Length + rest.Length;
        int zeros = Align == '=' && Fill == "0" && Width > fixedLength + digits.Length ? Width - fixedLength : 0;
        if (Grouping != '\0')
        {
            digits = Grouped(digits, zeros);
        }
        return Align == '='
            ? sign + prefix + PythonText.Pad(digits, Width - fixedLength, Fill, '>') + rest
            : PythonText.Pad(sign + prefix + digits + rest, Width, Fill, Align == '\0' ? '>' : Align);
    }

    /// <summary>Digits in groups; zeros that fill a width are grouped as well.</summary>
    private string Grouped(string digits, int width)
    {
        int group = Type is 'x' or 'X' or 'b' or 'o' ? 4 : 3;
        StringBuilder text = new();
        for (int i = 0; i < digits.Length || (width > 0 && text.Length < width && text.Length < MostPlaces); i++)
        {
            if (i > 0 && i % group == 0)
            {
                text.Insert(0, Grouping);
            }
            text.Insert(0, i < digits.Length ? digits[digits.Length - 1 - i] : '0');
        }
        return text.ToString();
    }
}
