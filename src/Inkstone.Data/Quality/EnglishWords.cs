using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>
/// Words and marks of English as tokenizers for linguists give them: white space parts, marks at the ends of a word stand alone, and so do
/// a few between
/// two letters (a comma, a hyphen). The published filters count these.
/// </summary>
internal static partial class EnglishWords
{
    private const string Opening = "#\"'([{<“‘„«»「『（《〈【，。？！；：、*+~%=&_§|,;:!?`´’”",
        Closing = "#\"')]}>”’」』）》〉】，。？！；：、,;:!?*|%—–~´`“‘«»&_§";
    private const string BeforeFullStop = "\"')]}%”’」』）》.+-";

    /// <summary>The words of a text in order, marks among them.</summary>
    public static List<string> Split(string text)
    {
        List<string> words = [];
        foreach (Range range in SplitBlanks(text))
        {
            string run = text[range];
            if (Address().IsMatch(run))
            {
                words.Add(run);
            }
            else
            {
                SplitRun(run, words);
            }
        }
        return words;
    }

    /// <summary>Runs between white space, as Python's <c>str.split()</c> sees it.</summary>
    public static IEnumerable<Range> SplitBlanks(string text)
    {
        for (int start = 0; start < text.Length; )
        {
            int end = start;
            while (end < text.Length && !IsBlank(text[end]))
            {
                end++;
            }
            if (end > start)
            {
                yield return start..end;
            }
            start = end + 1;
        }
    }

    /// <summary>White space, and the separators U+001C to U+001F, which are white space to Unicode's line breaking.</summary>
    public static bool IsBlank(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';

    private static void SplitRun(string run, List<string> words)
    {
        int start = 0,
            end = run.Length;
        for (int length; start < end && (length = LengthOfOpening(run.AsSpan(start, end - start))) > 0; start += length)
        {
            words.Add(run.Substring(start, length));
        }

        List<string> behind = [];
        for (int length; start < end && (length = LengthOfClosing(run.AsSpan(start, end - start))) > 0; end -= length)
        {
            behind.Add(run.Substring(end - length, length));
        }
        SplitInside(run, start, end, words);
        for (int i = behind.Count - 1; i >= 0; i--)
        {
            words.Add(behind[i]);
        }
    }

    private static int LengthOfOpening(ReadOnlySpan<char> word)
    {
        int dots = RunOf(word, '.', fromEnd: false),
            ellipses = RunOf(word, '…', fromEnd: false);
        return dots > 1 ? dots
            : ellipses > 0 ? ellipses
            : Opening.Contains(word[0]) || IsSign(word[0]) ? 1
            : 0;
    }

    private static int LengthOfClosing(ReadOnlySpan<char> word)
    {
        int dots = RunOf(word, '.', fromEnd: true),
            ellipses = RunOf(word, '…', fromEnd: true);
        if (dots > 1 || ellipses > 0)
        {
            return Math.Max(dots, ellipses);
        }
        foreach (ValueMatch match in Ending().EnumerateMatches(word))
        {
            return match.Length;
        }
        char last = word[^1];
        if (Closing.Contains(last) || IsSign(last))
        {
            return 1;
        }
        if (last != '.' || word.Length < 2)
        {
            return 0;
        }
        char before = word[^2]; // "U.S." keeps its last full stop, "word." does not
        bool stands =
            char.IsDigit(before)
            || char.IsLetter(before) && !char.IsUpper(before)
            || BeforeFullStop.Contains(before)
            || word.Length > 2 && char.IsUpper(before) && char.IsUpper(word[^3]);
        return stands ? 1 : 0;
    }

    private static void SplitInside(string run, int start, int end, List<string> words)
    {
        int from = start;
        for (int i = start + 1; i < end - 1; i++)
        {
            if (!Parts(run[i - 1], run[i], run[i + 1]))
            {
                continue;
            }
            if (i > from)
            {
                words.Add(run[from..i]);
            }
            words.Add(run[i].ToString());
            from = i + 1;
        }
        if (from < end)
        {
            words.Add(run[from..end]);
        }
    }

    /// <summary>Whether a mark between two characters stands alone.</summary>
    private static bool Parts(char left, char mark, char right) =>
        mark switch
        {
            ',' or '-' or '–' or '—' or '~' => char.IsLetter(left) && char.IsLetter(right)
                || mark == '-' && char.IsDigit(left) && char.IsDigit(right),
            ':' or '<' or '>' or '=' or '/' => char.IsLetterOrDigit(left) && char.IsLetter(right),
            '+' or '*' or '^' => char.IsDigit(left) && (char.IsDigit(right) || right == '-'),
            '.' => (char.IsLetter(left) && !char.IsUpper(left) || left is '"' or '\'')
                && (char.IsLetter(right) && !char.IsLower(right) || right is '"' or '\''),
            _ => char.GetUnicodeCategory(mark) == UnicodeCategory.OtherSymbol,
        };

    private static bool IsSign(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.OtherSymbol or UnicodeCategory.CurrencySymbol;

    private static int RunOf(ReadOnlySpan<char> word, char mark, bool fromEnd) =>
        word.Length - (fromEnd ? word.TrimEnd(mark) : word.TrimStart(mark)).Length;

    [GeneratedRegex(@"^https?://\S+$")]
    private static partial Regex Address();

    /// <summary>Contracted words and the sign "):", which ends many a line of code.</summary>
    [GeneratedRegex(@"(?:\):|n't|['’](?:s|S)|'(?:re|ve|ll|d|m))$")]
    private static partial Regex Ending();
}
