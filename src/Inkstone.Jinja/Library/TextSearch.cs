using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>Finding, splitting and replacing parts of texts, with Python's counts and bounds.</summary>
internal static class TextSearch
{
    public static string Replace(string text, string old, string with, int count)
    {
        if (count == 0)
        {
            return text;
        }
        StringBuilder replaced = new();
        int at = 0;
        for (int n = 0; count < 0 || n < count; n++)
        {
            // An empty text is found before every character and at the end.
            int found =
                old.Length > 0 ? text.IndexOf(old, at, StringComparison.Ordinal)
                : n == 0 ? 0
                : at < text.Length ? at + CodePoints.LengthAt(text, at)
                : -1;
            if (found < 0)
            {
                break;
            }
            replaced.Append(text, at, found - at).Append(with);
            PythonText.CheckLength(replaced);
            at = found + old.Length;
        }
        return replaced.Append(text, at, text.Length - at).ToString();
    }

    public static List<string> Split(string text, string? separator, int most)
    {
        List<string> parts = [];
        int at = 0;
        if (separator is null)
        {
            while (true)
            {
                while (at < text.Length && PythonText.IsSpace(text[at]))
                {
                    at++;
                }
                if (at == text.Length)
                {
                    return parts;
                }
                int end = at;
                while (end < text.Length && !PythonText.IsSpace(text[end]))
                {
                    end++;
                }
                if (parts.Count == most)
                {
                    parts.Add(text[at..]);
                    return parts;
                }
                parts.Add(text[at..end]);
                at = end;
            }
        }
        RefuseEmpty(separator);
        while (parts.Count != most && text.IndexOf(separator, at, StringComparison.Ordinal) is >= 0 and int found)
        {
            parts.Add(text[at..found]);
            at = found + separator.Length;
        }
        parts.Add(text[at..]);
        return parts;
    }

    public static List<string> SplitFromEnd(string text, string? separator, int most)
    {
        List<string> parts = [];
        int end = text.Length;
        while (separator is null)
        {
            while (end > 0 && PythonText.IsSpace(text[end - 1]))
            {
                end--;
            }
            int from = end;
            while (from > 0 && !PythonText.IsSpace(text[from - 1]))
            {
                from--;
            }
            if (end > 0)
            {
                parts.Add(parts.Count == most ? text[..end] : text[from..end]);
            }
            if (end == 0 || parts.Count == most + 1 && most >= 0)
            {
                parts.Reverse();
                return parts;
            }
            end = from;
        }
        RefuseEmpty(separator);
        while (
            parts.Count != most
            && end >= separator.Length
            && text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal) is >= 0 and int found
        )
        {
            parts.Add(text[(found + separator.Length)..end]);
            end = found;
        }
        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    /// <summary>Where a part stands, in characters; -1 when it does not.</summary>
    public static int Find(Value s, Arguments a, bool last)
    {
        string text = s.Text,
            part = a.Text(0);
        if (Part(text, a[1], a[2]) is not { } searched)
        {
            return -1;
        }
        int at = last ? searched.AsSpan().LastIndexOf(part, StringComparison.Ordinal) : searched.IndexOf(part, StringComparison.Ordinal);
        at = last && part.Length == 0 ? searched.Length : at;
        return at < 0 ? -1 : Bound(a[1], CodePoints.Count(text), 0) + CodePoints.Count(searched.AsSpan(0, at));
    }

    public static int Occurrences(Value s, Arguments a)
    {
        string part = a.Text(0);
        if (Part(s.Text, a[1], a[2]) is not { } searched)
        {
            return 0;
        }
        return part.Length == 0 ? CodePoints.Count(searched) + 1 : searched.AsSpan().Count(part);
    }

    /// <summary>text[start:end]; null when start lies behind the end of the text, where not even an empty text is found.</summary>
    public static string? Part(string text, Value start, Value end)
    {
        int count = CodePoints.Count(text);
        int from = Bound(start, count, 0),
            to = Math.Min(count, Bound(end, count, count));
        return from > to ? null : CodePoints.Pick(text, new SliceRange(from, 1, to - from));
    }

    private static int Bound(Value value, int count, int absent)
    {
        if (value is NoneValue)
        {
            return absent;
        }
        BigInteger at = PythonNumber.Index(value) ?? throw new TemplateFault("slice indices must be integers or None");
        return (int)BigInteger.Min(int.MaxValue / 2, BigInteger.Max(0, at + (at.Sign < 0 ? count : 0)));
    }

    private static void RefuseEmpty(string separator)
    {
        if (separator.Length == 0)
        {
            throw new TemplateFault("empty separator");
        }
    }
}
