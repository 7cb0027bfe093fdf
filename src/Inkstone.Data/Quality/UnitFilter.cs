using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>
/// Counterparts of the published rules that mean something for Chinese as well. A unit is one Han character or a run of other letters and
/// digits, so that
/// 50 units are a short paragraph in any script; shares are of units unless said otherwise.
/// </summary>
internal static partial class UnitFilter
{
    private const double ChineseShare = 0.3,
        CodeShare = 0.3;
    private const int LongestNotice = 200;
    private const string Punctuation = "，。！？；：、,.!?;:",
        SentenceEnds = "。！？…；.!?;",
        VerseEnds = "，。！？；",
        Closing = "\"”’」』）》')]";

    /// <summary>Characters of grammar that running Chinese text cannot do without, of today and of old, simplified and
    /// traditional.</summary>
    private const string FunctionCharacters = "的了是在不和有就也与與之而以为為其于於者把被要才都这這那";

    private static readonly string[] FunctionWords = ["the", "be", "to", "of", "and", "that", "have", "with"];

    public static QualityFilter Filter { get; } =
        new(
            "units",
            "the published rules in units and marks that serve Chinese too",
            Measure,
            new("units", QualityBound.Least, 50),
            new("latin1", QualityBound.Most, 0.1),
            new("furniture", QualityBound.Below, 0.2),
            new("hashes", QualityBound.Most, 0.1),
            new("url_chars", QualityBound.Most, 0.5),
            new("digits", QualityBound.Most, 0.3),
            new("function", QualityBound.Least, 2) { AppliesTo = IsNoVerse },
            new("punctuation", QualityBound.Least, 0.01),
            new("punctuation", QualityBound.Most, 0.35) { AppliesTo = IsNoVerse },
            new("line_ends", QualityBound.Least, 0.12) { AppliesTo = s => s["code"] < CodeShare },
            new("ellipsis_ends", QualityBound.Most, 0.3),
            new("short_lines", QualityBound.Most, 0.67) { AppliesTo = IsNoVerse },
            new("bullets", QualityBound.Most, 0.9),
            new("dup_lines", QualityBound.Most, 0.3),
            new("dup_line_chars", QualityBound.Most, 0.2),
            new("dup_para_chars", QualityBound.Most, 0.2),
            new("dup_ngrams", QualityBound.Most, 0.3),
            new("distinct", QualityBound.Least, 0.1),
            new("longest", QualityBound.Most, 1000),
            new("mean_word", QualityBound.Least, 3) { AppliesTo = IsNoChinese },
            new("mean_word", QualityBound.Most, 10) { AppliesTo = IsNoChinese }
        );

    /// <summary>Han characters each for itself, and runs of other letters and digits.</summary>
    public static List<string> Units(string text)
    {
        List<string> units = [];
        int start = -1,
            at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool han = Scripts.IsHan(rune.Value);
            if (!han && IsWordCharacter(rune))
            {
                start = start < 0 ? at : start;
            }
            else
            {
                if (start >= 0)
                {
                    units.Add(text[start..at]);
                }
                if (han)
                {
                    units.Add(text.Substring(at, rune.Utf16SequenceLength));
                }
                start = -1;
            }
            at += rune.Utf16SequenceLength;
        }
        if (start >= 0)
        {
            units.Add(text[start..]);
        }
        return units;
    }

    private static QualityStatistics Measure(string text)
    {
        List<string> units = Units(text);
        int n = units.Count,
            han = units.Count(u => Scripts.IsHan(Rune.GetRuneAt(u, 0).Value)),
            characters = CleaningRules.CharacterCount(text);
        bool chinese = han > ChineseShare * n;
        string[] raw = [.. text.Split('\n').Where(l => !string.IsNullOrWhiteSpace(l))],
            lines = [.. raw.Select(l => l.Trim())];
        int lineCharacters = lines.Sum(l => CleaningRules.CharacterCount(l));
        QualityStatistics s = new() { Text = WithoutNotices(text) };
        s.Add("units", n);
        s.Share("han", han, Math.Max(1, n));
        if (n == 0)
        {
            return s;
        }

        s.Add("chinese", chinese ? 1 : 0);
        s.Add(
            "function",
            chinese
                ? FunctionCharacters.Count(text.Contains)
                : FunctionWords.Count(w => units.Exists(u => u.Equals(w, StringComparison.OrdinalIgnoreCase)))
        );
        s.Share("punctuation", text.Count(Punctuation.Contains), n);
        s.Share("line_ends", lines.Count(EndsSentence), lines.Length);
        s.Share("ellipsis_ends", lines.Count(IsCutOff), lines.Length);
        s.Share("short_lines", lines.Count(l => CleaningRules.CharacterCount(l) <= (chinese ? 10 : 30)), lines.Length);
        s.Add("verse", chinese && lines.Length >= 4 && lines.Count(l => VerseEnds.Contains(l[^1])) >= 0.8 * lines.Length ? 1 : 0);
        s.Share("bullets", lines.Count(l => l is ['•' or '-' or '*' or '·', ..] && !EndsSentence(l)), lines.Length);
        (int repeated, int inRepeated) = Repetitions.Items(lines);
        s.Share("dup_lines", repeated, lines.Length);
        s.Share("dup_line_chars", inRepeated, lineCharacters);
        string[] paragraphs = [.. BlankLines().Split(text).Select(p => p.Trim()).Where(p => p.Length > 0)];
        s.Share("dup_para_chars", Repetitions.Items(paragraphs).Characters, paragraphs.Sum(p => CleaningRules.CharacterCount(p)));
        s.Share("dup_ngrams", InRepeatedWindows(units, chinese ? 10 : 5), n);
        s.Share("distinct", units.Distinct(StringComparer.Ordinal).Count(), Math.Min(n, 100));
        s.Share("digits", units.Count(u => u.All(IsDigit)), n);
        s.Share("hashes", text.Count(c => c == '#'), n);
        s.Share("latin1", text.Count(c => c is >= '\u0080' and <= '\u00ff'), characters);
        s.Share("url_chars", Address().Matches(text).Sum(m => CleaningRules.CharacterCount(m.ValueSpan)), characters);
        s.Add("longest", units.Max(u => CleaningRules.CharacterCount(u)));
        s.Add("mean_word", units.Average(u => CleaningRules.CharacterCount(u)));
        s.Share("code", raw.Count(l => CodeLine().IsMatch(l)), lines.Length);
        s.Share("furniture", lines.Where(l => Furniture().IsMatch(l)).Sum(l => CleaningRules.CharacterCount(l)), lineCharacters);
        return s;
    }

    /// <summary>The text without lines that tell how to see the page, as C4 leaves them out; null where there are none.</summary>
    private static string? WithoutNotices(string text)
    {
        if (!Notice().IsMatch(text))
        {
            return null;
        }
        return string.Join('\n', text.Split('\n').Where(l => l.Length > LongestNotice || !Notice().IsMatch(l)));
    }

    /// <summary>Units in windows that occurred before: unlike the share of the most frequent one it sees a text that says everything
    /// twice.</summary>
    private static int InRepeatedWindows(List<string> units, int width)
    {
        ulong[] hashes = [.. units.Select(u => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(u.AsSpan())))];
        HashSet<ulong> seen = [];
        int covered = 0,
            end = 0;
        for (int i = 0; i + width <= hashes.Length; i++)
        {
            if (seen.Add(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(hashes.AsSpan(i, width)))))
            {
                continue;
            }
            covered += i + width - Math.Max(i, end);
            end = i + width;
        }
        return covered;
    }

    private static bool IsCutOff(string line) => line.EndsWith("...", StringComparison.Ordinal) || line[^1] == '…';

    private static bool EndsSentence(string line) =>
        line.TrimEnd(Closing.ToCharArray()) is [.., var last] && SentenceEnds.Contains(last) && !IsCutOff(line);

    private static bool IsNoVerse(QualityStatistics s) => s["verse"] == 0;

    private static bool IsNoChinese(QualityStatistics s) => s["chinese"] == 0;

    private static bool IsDigit(char c) => char.GetUnicodeCategory(c) == UnicodeCategory.DecimalDigitNumber;

    /// <summary>Letters and numbers of any kind.</summary>
    private static bool IsWordCharacter(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    [GeneratedRegex(@"\n{2,}")]
    private static partial Regex BlankLines();

    [GeneratedRegex(@"https?://\S+")]
    private static partial Regex Address();

    [GeneratedRegex(@"[{};]\s*$|^\s*(def|for|if|return|import)\b.*[:;(]")]
    private static partial Regex CodeLine();

    [GeneratedRegex(
        @"(?:enable|turn on|requires?|启用|啟用|开启|開啟|打开|打開)[^\n]{0,12}javascript|javascript[^\n]{0,12}(?:disabled|required|未启用|被禁用)|(?:uses?|使用)[^\n]{0,6}cookies?|cookie policy|privacy policy|terms of use|隐私政策[^\n]*使用条款",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex Notice();

    /// <summary>Lines of a site and not of its text.</summary>
    [GeneratedRegex(
        @"版权所有|返回顶部|上一篇|下一篇|登录|评论\(\d+\)|cookie policy|privacy policy|terms of use|enable javascript|启用javascript|隐私政策.*(同意|使用条款)|使用条款.*隐私政策|lorem ipsum",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex Furniture();
}
