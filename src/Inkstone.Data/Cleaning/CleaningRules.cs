using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>What happens to a document that is too long.</summary>
public enum MaxLengthAction
{
    /// <summary>It is left out.</summary>
    Drop,

    /// <summary>Its end is cut off.</summary>
    Truncate,
}

/// <summary>
/// MicroLM's cleaning in MicroLM's order: strip, literal replacements, control characters, HTML tags, white space, strip, length.
/// Lengths are counted in characters (Unicode code points), as there. Two things are kept that are lost there: what stands between
/// brackets that make no tag, and the border of lines at a form feed or vertical tab.
/// </summary>
internal static partial class CleaningRules
{
    /// <summary>The steps that the options ask for.</summary>
    public static IReadOnlyList<TextFilter> For(PrepareOptions options)
    {
        List<TextFilter> filters = [];
        if (options.HtmlPages)
        {
            filters.Add(new TextFilter("html pages", HtmlPages.Text));
        }
        filters.Add(new TextFilter("strip", options.KeepWhiteSpace ? TrimBlankLines : text => text.Trim()));
        foreach (LiteralReplacement replacement in options.ReplaceLiterals ?? [])
        {
            filters.Add(
                new TextFilter(
                    $"replace {replacement.Old}",
                    text => text.Replace(replacement.Old, replacement.New, StringComparison.Ordinal)
                )
            );
        }
        filters.Add(new TextFilter("control characters", text => ControlCharacters().Replace(LineBreaks().Replace(text, "\n"), "")));
        if (options.CleanHtml)
        {
            filters.Add(new TextFilter("html tags", HtmlTags.Remove));
        }
        filters.Add(new TextFilter("white space", options.KeepWhiteSpace ? TrimBlankLines : CollapseWhiteSpace));
        filters.Add(new TextFilter("too short", text => CharacterCount(text) < Math.Max(1, options.MinLength) ? null : text));
        if (options.MaxLength > 0)
        {
            filters.Add(new TextFilter("too long", text => Limit(text, options.MaxLength, options.MaxLengthAction)));
        }
        if (options.Languages is { Count: > 0 } languages)
        {
            filters.Add(new TextFilter("language", text => OfLanguage(text, languages)));
        }
        foreach (QualityFilter filter in QualityFilters.Named(options.Filters ?? [], options.Limits ?? new Dictionary<string, double>()))
        {
            filters.Add(new TextFilter(filter.Name, text => Judge(text, filter)));
        }
        if (options.Contamination is { Count: > 0 } sets)
        {
            filters.Add(new TextFilter("contamination", new Contamination(sets, options.ContaminationLength).Check));
        }
        if (options.MaskPersonalData)
        {
            filters.Add(new TextFilter("personal data", PersonalData.Mask));
        }
        return filters;
    }

    /// <summary>Unicode code points in a text.</summary>
    public static int CharacterCount(ReadOnlySpan<char> text)
    {
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
        {
            if (char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1]))
            {
                count--;
            }
        }
        return count;
    }

    private static FilterVerdict OfLanguage(string text, IReadOnlyList<string> wanted)
    {
        LanguageGuess guess = Languages.Detect(text);
        return wanted.Any(w => Languages.Matches(w, guess.Code))
            ? new FilterVerdict(text)
            : new FilterVerdict(null, guess.Code, guess.Confidence);
    }

    private static FilterVerdict Judge(string text, QualityFilter filter)
    {
        QualityStatistics statistics = filter.Measure(text);
        return filter.Judge(statistics) is { } finding
            ? new FilterVerdict(null, finding.Rule.Name, finding.Value, statistics)
            : new FilterVerdict(statistics.Text ?? text, Statistics: statistics);
    }

    private static string CollapseWhiteSpace(string text) => LineFeeds().Replace(Blanks().Replace(text, " "), "\n\n").Trim();

    /// <summary>Without blank lines at both ends and blanks behind the last line; the first line keeps its indentation.</summary>
    private static string TrimBlankLines(string text)
    {
        ReadOnlySpan<char> indented = text.AsSpan().TrimStart();
        int first = text.AsSpan(0, text.Length - indented.Length).LastIndexOf('\n') + 1;
        return text[first..].TrimEnd();
    }

    private static string? Limit(string text, int maximum, MaxLengthAction action)
    {
        if (CharacterCount(text) <= maximum)
        {
            return text;
        }
        if (action == MaxLengthAction.Drop)
        {
            return null;
        }

        int end = 0;
        for (int i = 0; i < maximum; i++)
        {
            end += char.IsHighSurrogate(text[end]) && end + 1 < text.Length && char.IsLowSurrogate(text[end + 1]) ? 2 : 1;
        }
        return text[..end];
    }

    [GeneratedRegex(@"[\x00-\x08\x0b\x0c\x0e-\x1f]")]
    private static partial Regex ControlCharacters();

    [GeneratedRegex(@"[\v\f]")]
    private static partial Regex LineBreaks();

    [GeneratedRegex(@"[ \t]+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"\n{3,}")]
    private static partial Regex LineFeeds();
}
