using System.Numerics;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>Texts as rows of Unicode characters, which is how Python counts them; a surrogate without its other half counts as
/// one.</summary>
public static class CodePoints
{
    /// <summary>len(text).</summary>
    public static int Count(ReadOnlySpan<char> text)
    {
        int pairs = 0;
        for (int i = 0; i + 1 < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && char.IsLowSurrogate(text[i + 1]))
            {
                pairs++;
                i++;
            }
        }
        return text.Length - pairs;
    }

    internal static string ToText(int value) => value is >= 0xD800 and < 0xE000 ? ((char)value).ToString() : char.ConvertFromUtf32(value);

    /// <summary>iter(text).</summary>
    public static IEnumerable<string> Each(string text)
    {
        for (int i = 0; i < text.Length; )
        {
            int length = LengthAt(text, i);
            yield return text.Substring(i, length);
            i += length;
        }
    }

    /// <summary>The character at a position, which may count from the end; null when there is none.</summary>
    internal static string? At(string text, BigInteger index)
    {
        int count = Count(text);
        index += index.Sign < 0 ? count : 0;
        if (index.Sign < 0 || index >= count)
        {
            return null;
        }
        int at = Offset(text, (int)index);
        return text.Substring(at, LengthAt(text, at));
    }

    /// <summary>Where the character with this number begins in UTF-16.</summary>
    internal static int Offset(string text, int index)
    {
        if (Count(text) == text.Length)
        {
            return Math.Min(index, text.Length);
        }
        int at = 0;
        for (; index > 0 && at < text.Length; index--)
        {
            at += LengthAt(text, at);
        }
        return at;
    }

    internal static string Pick(string text, SliceRange range)
    {
        if (range.Count == 0)
        {
            return "";
        }
        if (range.Step == 1)
        {
            int from = Offset(text, range.Start);
            return text[from..Offset(text, range.Start + range.Count)];
        }
        string[] characters = [.. Each(text)];
        StringBuilder picked = new(range.Count);
        for (int i = 0; i < range.Count; i++)
        {
            picked.Append(characters[range[i]]);
        }
        return picked.ToString();
    }

    /// <summary>Order by characters, which differs from the order of UTF-16 units beyond the first plane.</summary>
    internal static int Compare(string a, string b)
    {
        int length = Math.Min(a.Length, b.Length);
        for (int i = 0; i < length; i++)
        {
            if (a[i] != b[i])
            {
                return Rank(a[i]).CompareTo(Rank(b[i]));
            }
        }
        return a.Length.CompareTo(b.Length);

        static int Rank(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
    }

    internal static int LengthAt(string text, int at) =>
        char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;

    /// <summary>The number of the character at a place in UTF-16.</summary>
    internal static int ValueAt(string text, int at) => LengthAt(text, at) == 2 ? char.ConvertToUtf32(text[at], text[at + 1]) : text[at];
}
