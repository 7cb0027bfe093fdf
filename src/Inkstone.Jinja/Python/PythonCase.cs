using System.Globalization;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>Upper, lower and title case as Python's str makes them: full mappings, so that ß becomes SS.</summary>
public static class PythonCase
{
    /// <summary>text.upper().</summary>
    public static string Upper(string text) => Map(text, (_, at) => UpperAt(text, at));

    /// <summary>text.lower().</summary>
    public static string Lower(string text) => Map(text, (_, at) => LowerAt(text, at));

    /// <summary>The first character in title case, the others lower.</summary>
    public static string Capitalize(string text) => Map(text, (_, at) => at == 0 ? TitleAt(text, at) : LowerAt(text, at));

    /// <summary>The first cased character of every run of them in title case, the others lower.</summary>
    internal static string Title(string text) =>
        Map(text, (_, at) => IsCased(text, Previous(text, at)) ? LowerAt(text, at) : TitleAt(text, at));

    internal static string Swap(string text) =>
        Map(
            text,
            (category, at) =>
                category == UnicodeCategory.UppercaseLetter ? LowerAt(text, at)
                : category == UnicodeCategory.LowercaseLetter ? UpperAt(text, at)
                : Character(text, at)
        );

    internal static bool IsUpper(string text) => AnyCased(text, UnicodeCategory.UppercaseLetter);

    internal static bool IsLower(string text) => AnyCased(text, UnicodeCategory.LowercaseLetter);

    internal static bool IsTitle(string text)
    {
        bool any = false,
            cased = false;
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            UnicodeCategory category = CharUnicodeInfo.GetUnicodeCategory(text, i);
            bool large = category is UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter;
            if ((large && cased) || (category == UnicodeCategory.LowercaseLetter && !cased))
            {
                return false;
            }
            cased = large || category == UnicodeCategory.LowercaseLetter;
            any |= cased;
        }
        return any;
    }

    private static string Map(string text, Func<UnicodeCategory, int, string> map)
    {
        StringBuilder mapped = new(text.Length);
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            mapped.Append(map(CharUnicodeInfo.GetUnicodeCategory(text, i), i));
        }
        return mapped.ToString();
    }

    /// <summary>True when there are cased characters and all of them have this case.</summary>
    private static bool AnyCased(string text, UnicodeCategory wanted)
    {
        bool any = false;
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            if (IsCased(text, i))
            {
                if (CharUnicodeInfo.GetUnicodeCategory(text, i) != wanted)
                {
                    return false;
                }
                any = true;
            }
        }
        return any;
    }

    private static string Character(string text, int at) => text.Substring(at, CodePoints.LengthAt(text, at));

    private static string UpperAt(string text, int at) =>
        SpecialCasing.Upper.TryGetValue(text[at], out string? special) ? special
        : Character(text, at) is { Length: 1 } c ? char.ToUpperInvariant(c[0]).ToString()
        : Rune.ToUpperInvariant(new Rune(text[at], text[at + 1])).ToString();

    private static string TitleAt(string text, int at) =>
        SpecialCasing.Title.TryGetValue(text[at], out string? special) ? special
        : text[at] is >= '\u10d0' and <= '\u10ff' ? Character(text, at)
        : UpperAt(text, at);

    private static string LowerAt(string text, int at) =>
        text[at] switch
        {
            '\u0130' => "i\u0307",
            '\u03a3' => IsFinalSigma(text, at) ? "\u03c2" : "\u03c3",
            _ => Character(text, at) is { Length: 1 } c
                ? char.ToLowerInvariant(c[0]).ToString()
                : Rune.ToLowerInvariant(new Rune(text[at], text[at + 1])).ToString(),
        };

    /// <summary>A sigma behind a letter and before none, when what carries no case is passed over.</summary>
    private static bool IsFinalSigma(string text, int at)
    {
        int before = Previous(text, at),
            after = at + 1;
        while (before >= 0 && IsIgnorable(text, before))
        {
            before = Previous(text, before);
        }
        while (after < text.Length && IsIgnorable(text, after))
        {
            after += CodePoints.LengthAt(text, after);
        }
        return IsCased(text, before) && !(after < text.Length && IsCased(text, after));
    }

    private static int Previous(string text, int at) => at >= 2 && CodePoints.LengthAt(text, at - 2) == 2 ? at - 2 : at - 1;

    private static bool IsCased(string text, int at) =>
        at >= 0
        && CharUnicodeInfo.GetUnicodeCategory(text, at)
            is UnicodeCategory.UppercaseLetter
                or UnicodeCategory.LowercaseLetter
                or UnicodeCategory.TitlecaseLetter;

    private static bool IsIgnorable(string text, int at) =>
        text[at] is '\'' or '.' or ':' or '\u00b7' or '\u2019'
        || CharUnicodeInfo.GetUnicodeCategory(text, at)
            is UnicodeCategory.NonSpacingMark
                or UnicodeCategory.EnclosingMark
                or UnicodeCategory.Format
                or UnicodeCategory.ModifierLetter
                or UnicodeCategory.ModifierSymbol;
}
