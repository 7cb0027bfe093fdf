using System.Text;

namespace Inkstone.Data;

/// <summary>Where two texts part that begin alike: at the border of a word, so that neither a word nor a number is cut.</summary>
internal static class CommonText
{
    /// <summary>What both begin with, and what each goes on with. Blanks before the border belong to the answers.</summary>
    public static (TextOrMessages Prompt, TextOrMessages First, TextOrMessages Second) Part(string first, string second)
    {
        int at = 0;
        while (at < Math.Min(first.Length, second.Length) && first[at] == second[at])
        {
            at++;
        }
        while (at > 0 && !IsBorder(first, second, at))
        {
            at--;
        }
        while (at > 0 && first[at - 1] == ' ')
        {
            at--;
        }
        return (new(first[..at]), new(first[at..]), new(second[at..]));
    }

    /// <summary>Whether neither text has a word across a place, and both go on behind it.</summary>
    private static bool IsBorder(string first, string second, int at) =>
        at < first.Length && at < second.Length && !Joins(first, at) && !Joins(second, at);

    private static bool Joins(string text, int at)
    {
        if (char.IsLowSurrogate(text[at]))
        {
            return true;
        }
        char before = text[at - 1],
            after = text[at];
        bool number =
            (char.IsDigit(after) && before is ('.' or ',') && at > 1 && char.IsDigit(text[at - 2]))
            || (char.IsDigit(before) && after is ('.' or ',') && at + 1 < text.Length && char.IsDigit(text[at + 1]));
        return number || (IsWord(before) && IsWord(after) && !(IsIdeograph(before) || IsIdeograph(after)));
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c is '\'' or '_' || IsMark(c);

    /// <summary>Marks belong to the letter before them.</summary>
    private static bool IsMark(char c) =>
        System.Globalization.CharUnicodeInfo.GetUnicodeCategory(c)
            is System.Globalization.UnicodeCategory.NonSpacingMark
                or System.Globalization.UnicodeCategory.SpacingCombiningMark;

    /// <summary>Scripts without blanks between words: each sign may begin another.</summary>
    private static bool IsIdeograph(char c) =>
        Rune.TryCreate(c, out Rune rune) && rune.Value is >= 0x3040 and <= 0x30FF or >= 0x3400 and <= 0x9FFF or >= 0xF900 and <= 0xFAFF;
}
