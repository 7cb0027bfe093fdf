using System.Text;

namespace Inkstone.Data;

/// <summary>
/// Signs that a page cannot hold, used while its markup is taken off: Unicode's noncharacters U+FDD0 to U+FDEF. Text that is to stay as it
/// stands (nowiki, code,
/// what an entity spells) has its markup characters exchanged for such signs, so that no later step reads them as markup.
/// </summary>
internal static class Markup
{
    /// <summary>Where something was left out: brackets that hold nothing else go too.</summary>
    public const char Void = '\uFDD0';

    /// <summary>Around text that is spelled for one script.</summary>
    public const char KeepBegin = '\uFDD1',
        KeepEnd = '\uFDD2';

    /// <summary>A line end that begins no line of wikitext, so that no list or heading begins behind it.</summary>
    public const char Break = '\uFDD3';

    private const char FirstGuard = '\uFDD4',
        Last = '\uFDEF';
    private const string Guarded = "[]{}|'<>=*#:;-_&!\n \t()（）/";

    /// <summary>Appends a text whose markup characters mean nothing.</summary>
    public static StringBuilder AppendGuarded(this StringBuilder output, ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            int index = c < 0x80 || c is '（' or '）' ? Guarded.IndexOf(c, StringComparison.Ordinal) : -1;
            output.Append(index < 0 ? c : (char)(FirstGuard + index));
        }
        return output;
    }

    /// <summary>A text whose markup characters mean nothing.</summary>
    public static string Guard(ReadOnlySpan<char> text) => new StringBuilder(text.Length).AppendGuarded(text).ToString();

    /// <summary>The character for which a sign stands, or the character itself.</summary>
    public static char Unguard(char c) => c is >= FirstGuard and <= Last && c - FirstGuard < Guarded.Length ? Guarded[c - FirstGuard] : c;

    /// <summary>The text without characters that could be taken for these signs.</summary>
    public static string WithoutSigns(string text) =>
        text.AsSpan().IndexOfAnyInRange(Void, Last) < 0
            ? text
            : string.Create(
                text.Length,
                text,
                (span, source) =>
                {
                    for (int i = 0; i < span.Length; i++)
                    {
                        span[i] = source[i] is >= Void and <= Last ? '\uFFFD' : source[i];
                    }
                }
            );

    /// <summary>Whether a character stands for nothing on the page: a sign other than a line break.</summary>
    public static bool IsInvisible(char c) => c is Void or KeepBegin or KeepEnd;
}
