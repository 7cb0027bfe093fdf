using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>
/// The rules of Gopher (Rae et al. 2021, appendix A), C4 (Raffel et al. 2020) and FineWeb (Penedo et al. 2024) with their published limits
/// and English words.
/// They are meant for English: of good Chinese texts most fall.
/// </summary>
internal static partial class PublishedFilters
{
    private const string Marks = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»";
    private static readonly string[] StopWords = ["the", "be", "to", "of", "and", "that", "have", "with"];
    private static readonly string[] Policy =
    [
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    ];

    public static QualityFilter GopherQuality { get; } =
        new(
            "gopher-quality",
            "Gopher's rules on words, marks and lines (Rae et al. 2021)",
            Gopher,
            new("words_not_punctuation", QualityBound.Least, 50),
            new("words_not_punctuation", QualityBound.Most, 100_000),
            new("mean_word_length", QualityBound.Least, 3),
            new("mean_word_length", QualityBound.Most, 10),
            new("hash_ratio", QualityBound.Most, 0.1),
            new("ellipsis_ratio", QualityBound.Most, 0.1),
            new("bullet_lines", QualityBound.Most, 0.9),
            new("ellipsis_lines", QualityBound.Most, 0.3),
            new("alpha_words", QualityBound.Least, 0.8),
            new("stop_words", QualityBound.Least, 2)
        );

    public static QualityFilter GopherRepetition { get; } =
        new(
            "gopher-repetition",
            "Gopher's rules on repeated lines, paragraphs and runs of words (Rae et al. 2021)",
            Repetition,
            new("dup_para_frac", QualityBound.Most, 0.3),
            new("dup_para_char_frac", QualityBound.Most, 0.2),
            new("dup_line_frac", QualityBound.Most, 0.3),
            new("dup_line_char_frac", QualityBound.Most, 0.2),
            new("top_2_gram", QualityBound.Most, 0.2),
            new("top_3_gram", QualityBound.Most, 0.18),
            new("top_4_gram", QualityBound.Most, 0.16),
            new("dup_5_grams", QualityBound.Most, 0.15),
            new("dup_6_grams", QualityBound.Most, 0.14),
            new("dup_7_grams", QualityBound.Most, 0.13),
            new("dup_8_grams", QualityBound.Most, 0.12),
            new("dup_9_grams", QualityBound.Most, 0.11),
            new("dup_10_grams", QualityBound.Most, 0.10)
        );

    public static QualityFilter C4 { get; } =
        new(
            "c4",
            "C4's rules: lines that end as sentences do, no code, no notices (Raffel et al. 2020)",
            Sentences,
            new("lorem_ipsum", QualityBound.Most, 0),
            new("curly_bracket", QualityBound.Most, 0),
            new("sentences", QualityBound.Least, 5)
        );

    public static QualityFilter FineWeb { get; } =
        new(
            "fineweb",
            "FineWeb's rules on line ends and short or repeated lines (Penedo et al. 2024)",
            Lines,
            new("lines", QualityBound.Least, 1),
            new("line_punct_ratio", QualityBound.Least, 0.12),
            new("short_line_ratio", QualityBound.Most, 0.67),
            new("char_dup_ratio", QualityBound.Most, 0.01),
            new("list_ratio", QualityBound.Most, 0.3)
        );

    private static QualityStatistics Gopher(string text)
    {
        List<string> words = EnglishWords.Split(text);
        List<string> spoken = words.FindAll(w => w.Any(c => !Marks.Contains(c) && !char.IsControl(c)));
        string[] lines = SplitLines(text);
        QualityStatistics s = new();
        s.Add("words", words.Count);
        s.Add("words_not_punctuation", spoken.Count);
        s.Add("mean_word_length", spoken.Count > 0 ? spoken.Average(w => CleaningRules.CharacterCount(w)) : null);
        s.Share("hash_ratio", text.Count(c => c == '#'), words.Count);
        s.Share("ellipsis_ratio", Ellipsis().Count(text), words.Count);
        s.Share("bullet_lines", lines.Count(l => l.TrimStart() is ['•' or '-', ..]), lines.Length);
        s.Share(
            "ellipsis_lines",
            lines.Count(l => l.TrimEnd().EndsWith("...", StringComparison.Ordinal) || l.TrimEnd() is [.., '…']),
            lines.Length
        );
        s.Share("alpha_words", words.Count(w => w.Any(char.IsLetter)), words.Count);
        s.Add("stop_words", StopWords.Count(words.Contains));
        return s;
    }

    private static QualityStatistics Repetition(string text)
    {
        QualityStatistics s = new();
        int length = CleaningRules.CharacterCount(text);
        foreach ((string name, string[] items) in new[] { ("para", LineFeeds().Split(text.Trim())), ("line", LineEnds().Split(text)) })
        {
            (int count, int characters) = Repetitions.Items(items);
            s.Share($"dup_{name}_frac", count, items.Length);
            s.Share($"dup_{name}_char_frac", characters, length);
        }
        List<string> words = EnglishWords.Split(text);
        for (int n = 2; n <= 4; n++)
        {
            int? top = Repetitions.TopNGram(words, n);
            s.Share(string.Create(CultureInfo.InvariantCulture, $"top_{n}_gram"), top ?? 0, top is null ? 0 : length);
        }
        for (int n = 5; n <= 10; n++)
        {
            s.Share(string.Create(CultureInfo.InvariantCulture, $"dup_{n}_grams"), Repetitions.NGrams(words, n), length);
        }
        return s;
    }

    private static QualityStatistics Sentences(string text)
    {
        (int sentences, int lorem, int brackets) = (0, 0, 0);
        List<string> kept = [];
        foreach (string raw in SplitLines(text))
        {
            string line = raw.Trim();
            Range[] words = [.. EnglishWords.SplitBlanks(line)];
            if (words.Any(w => w.End.Value - w.Start.Value > 1000))
            {
                continue;
            }
            line = Citation().Replace(line, "");
            if (line is not [.., '.' or '?' or '!' or '"' or '\''] || line.EndsWith("...", StringComparison.Ordinal) || words.Length < 3)
            {
                continue;
            }
            if (Has(line, "lorem ipsum"))
            {
                lorem++;
            }
            if (Has(line, "javascript"))
            {
                continue;
            }
            if (line.Contains('{'))
            {
                brackets++;
            }
            if (Policy.Any(p => Has(line, p)))
            {
                continue;
            }
            sentences += SentenceEnd().Count(line);
            kept.Add(line);
        }
        QualityStatistics s = new() { Text = string.Join('\n', kept).Trim() };
        s.Add("lorem_ipsum", lorem);
        s.Add("curly_bracket", brackets);
        s.Add("sentences", sentences);
        return s;
    }

    private static QualityStatistics Lines(string text)
    {
        string[] lines = [.. text.Split('\n').Where(l => !string.IsNullOrWhiteSpace(l))];
        QualityStatistics s = new();
        s.Add("lines", lines.Length);
        if (lines.Length == 0)
        {
            return s;
        }
        s.Share("line_punct_ratio", lines.Count(l => l is [.., '.' or '?' or '!' or '。' or '？' or '！']), lines.Length);
        s.Share("short_line_ratio", lines.Count(l => CleaningRules.CharacterCount(l) <= 30), lines.Length);
        s.Share("char_dup_ratio", Repetitions.Items(lines).Characters, CleaningRules.CharacterCount(text) - text.Count(c => c == '\n'));
        s.Share("list_ratio", text.Count(c => c == '\n'), EnglishWords.Split(text).Count);
        return s;
    }

    /// <summary>Lines without their ends; a line end behind the last line begins none.</summary>
    private static string[] SplitLines(string text)
    {
        string[] lines = AnyLineEnd().Split(text);
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }

    private static bool Has(string line, string phrase) => line.Contains(phrase, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"\.\.\.|…")]
    private static partial Regex Ellipsis();

    [GeneratedRegex(@"\n{2,}")]
    private static partial Regex LineFeeds();

    [GeneratedRegex(@"\n+")]
    private static partial Regex LineEnds();

    [GeneratedRegex(@"\r\n|[\n\r\v\f\x1c-\x1e\u0085\u2028\u2029]")]
    private static partial Regex AnyLineEnd();

    [GeneratedRegex(@"\[\d*\]|\[edit\]|\[citation needed\]")]
    private static partial Regex Citation();

    /// <summary>Marks that end a sentence before a blank, a closing quote or the end of the line.</summary>
    [GeneratedRegex(@"[.?!]+[""'”’)\]]*(?=\s|$)")]
    private static partial Regex SentenceEnd();
}
