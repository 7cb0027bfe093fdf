using System.Globalization;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>What Python's str does: white space, repr, line ends.</summary>
public static class PythonText
{
    /// <summary>c.isspace().</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>True for white space and nothing else, at least one character of it.</summary>
    internal static bool IsBlank(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!IsSpace(c))
            {
                return false;
            }
        }
        return !text.IsEmpty;
    }

    internal static string TrimEnd(string text) => Strip(text, null, start: false, end: true);

    /// <summary>Text without characters of a set at its ends; null is the set of white space.</summary>
    public static string Strip(string text, string? characters, bool start = true, bool end = true)
    {
        HashSet<string>? set = characters is null ? null : [.. CodePoints.Each(characters)];
        int from = 0,
            to = text.Length;
        while (start && from < to && Stripped(from))
        {
            from += CodePoints.LengthAt(text, from);
        }
        while (end && from < to && Stripped(Before(to)))
        {
            to = Before(to);
        }
        return text[from..to];

        int Before(int at) => at > 1 && char.IsLowSurrogate(text[at - 1]) && char.IsHighSurrogate(text[at - 2]) ? at - 2 : at - 1;

        bool Stripped(int at) => set is null ? IsSpace(text[at]) : set.Contains(text.Substring(at, CodePoints.LengthAt(text, at)));
    }

    internal static List<string> Lines(string text, bool keepEnds)
    {
        List<string> lines = [];
        for (int i = 0, begin = 0; i < text.Length; begin = i)
        {
            while (i < text.Length && !IsLineEnd(text[i]))
            {
                i++;
            }
            int end = i;
            if (i < text.Length)
            {
                i += text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1;
            }
            lines.Add(text[begin..(keepEnds ? i : end)]);
        }
        return lines;
    }

    /// <summary>repr(text): in single quotes, unless it holds one and no double quote; what cannot be seen is escaped.</summary>
    internal static void WriteRepr(string text, StringBuilder to)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        to.Append(quote);
        for (int i = 0; i < text.Length; )
        {
            int value = CodePoints.ValueAt(text, i);
            switch (value)
            {
                case '\\':
                    to.Append("\\\\");
                    break;
                case '\n':
                    to.Append("\\n");
                    break;
                case '\r':
                    to.Append("\\r");
                    break;
                case '\t':
                    to.Append("\\t");
                    break;
                case '\'' or '"' when value == quote:
                    to.Append('\\').Append(quote);
                    break;
                case < 256 when !IsPrintable(value):
                    to.Append("\\x").Append(value.ToString("x2", CultureInfo.InvariantCulture));
                    break;
                case < 0x10000 when !IsPrintable(value):
                    to.Append("\\u").Append(value.ToString("x4", CultureInfo.InvariantCulture));
                    break;
                case >= 0x10000 when !IsPrintable(value):
                    to.Append("\\U").Append(value.ToString("x8", CultureInfo.InvariantCulture));
                    break;
                default:
                    to.Append(CodePoints.ToText(value));
                    break;
            }
            i += CodePoints.LengthAt(text, i);
        }
        to.Append(quote);
    }

    internal static bool IsPrintable(int value) =>
        value == ' '
        || CharUnicodeInfo.GetUnicodeCategory(value)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.SpaceSeparator
            );

    /// <summary>Ends a text that only a template that runs away can make.</summary>
    internal static void CheckLength(StringBuilder text)
    {
        if (text.Length > StringValue.MaxLength)
        {
            throw new TemplateFault($"a text becomes longer than a template may make, {StringValue.MaxLength} characters");
        }
    }

    /// <summary>Text repeated, as <c>text * times</c>.</summary>
    internal static string Repeat(string text, int times)
    {
        if ((long)text.Length * Math.Max(0, times) > StringValue.MaxLength)
        {
            throw new TemplateFault(
                $"a text of {(long)text.Length * times} characters is longer than a template may make, {StringValue.MaxLength}"
            );
        }
        return times <= 0 ? "" : new StringBuilder(text.Length * times).Insert(0, text, times).ToString();
    }

    /// <summary>Text with a filling on its left and right up to a width in characters.</summary>
    internal static string Pad(string text, int width, string filling, char align)
    {
        int missing = width - CodePoints.Count(text);
        if (missing <= 0)
        {
            return text;
        }
        int left = align switch
        {
            '<' => 0,
            '>' => missing,
            _ => missing / 2,
        };
        return Repeat(filling, left) + text + Repeat(filling, missing - left);
    }

    private static bool IsLineEnd(char c) =>
        c is '\n' or '\r' or '\v' or '\f' or (>= '\x1c' and <= '\x1e') or '\x85' or '\u2028' or '\u2029';
}
