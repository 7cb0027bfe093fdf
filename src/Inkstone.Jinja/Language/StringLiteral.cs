using System.Globalization;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>The inside of a quoted text with Python's escapes; a backslash before anything else stands for itself.</summary>
internal static class StringLiteral
{
    public static string Unescape(ReadOnlySpan<char> raw, int line)
    {
        if (raw.IndexOf('\\') < 0)
        {
            return raw.ToString();
        }
        StringBuilder text = new(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            i++;
            switch (raw[i])
            {
                case '\n':
                    break;
                case 'a':
                    text.Append('\a');
                    break;
                case 'b':
                    text.Append('\b');
                    break;
                case 'f':
                    text.Append('\f');
                    break;
                case 'n':
                    text.Append('\n');
                    break;
                case 'r':
                    text.Append('\r');
                    break;
                case 't':
                    text.Append('\t');
                    break;
                case 'v':
                    text.Append('\v');
                    break;
                case '\\' or '\'' or '"':
                    text.Append(raw[i]);
                    break;
                case >= '0' and <= '7':
                    i = Octal(raw, i, text);
                    break;
                case 'x':
                    i = Hex(raw, i, 2, text, line);
                    break;
                case 'u':
                    i = Hex(raw, i, 4, text, line);
                    break;
                case 'U':
                    i = Hex(raw, i, 8, text, line);
                    break;
                case 'N':
                    throw new TemplateFault("characters by name (\\N{…}) are not supported; write the character itself", line);
                case > '\x7f':
                    i = Escaped(raw, i, text);
                    break;
                default:
                    text.Append('\\').Append(raw[i]);
                    break;
            }
        }
        return text.ToString();
    }

    private static int Octal(ReadOnlySpan<char> raw, int at, StringBuilder text)
    {
        int value = 0,
            end = at;
        for (; end < raw.Length && end < at + 3 && raw[end] is >= '0' and <= '7'; end++)
        {
            value = (8 * value) + (raw[end] - '0');
        }
        text.Append((char)value);
        return end - 1;
    }

    private static int Hex(ReadOnlySpan<char> raw, int at, int digits, StringBuilder text, int line)
    {
        if (
            raw.Length - at - 1 < digits
            || !int.TryParse(raw.Slice(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            || (uint)value > 0x10FFFF
        )
        {
            throw new TemplateFault($"the escape \\{raw[at]} needs {digits} hexadecimal digits of a character", line);
        }
        text.Append(CodePoints.ToText(value));
        return at + digits;
    }

    /// <summary>Jinja turns characters beyond ASCII into escapes before it reads escapes, so a backslash before one leaves the escape's own
    /// letters.</summary>
    private static int Escaped(ReadOnlySpan<char> raw, int at, StringBuilder text)
    {
        bool pair = char.IsHighSurrogate(raw[at]) && at + 1 < raw.Length && char.IsLowSurrogate(raw[at + 1]);
        int value = pair ? char.ConvertToUtf32(raw[at], raw[at + 1]) : raw[at];
        text.Append('\\')
            .Append(
                value > 0xFFFF ? 'U'
                : value > 0xFF ? 'u'
                : 'x'
            )
            .Append(
                value.ToString(
                    value > 0xFFFF ? "x8"
                        : value > 0xFF ? "x4"
                        : "x2",
                    CultureInfo.InvariantCulture
                )
            );
        return pair ? at + 1 : at;
    }
}
