namespace Inkstone.Data;

/// <summary>
/// The rules of -{…}- (MediaWiki's ConverterRule): flags, a bar, then texts by variant. Of several texts the wanted variant's is shown,
/// else that of its nearest
/// relative, else the first one.
/// </summary>
internal sealed class LanguageVariant
{
    private static readonly string[] Names = ["zh-hans", "zh-hant", "zh-cn", "zh-tw", "zh-hk", "zh-mo", "zh-sg", "zh-my", "zh"];
    private static readonly string[] Silent = ["H", "T", "D", "-", "+", "N"];

    private readonly string[] _order;

    /// <exception cref="ArgumentException">There is no such variant.</exception>
    public LanguageVariant(string wanted)
    {
        _order = wanted switch
        {
            "zh-cn" => ["zh-cn", "zh-hans", "zh-sg", "zh-my"],
            "zh-sg" => ["zh-sg", "zh-hans", "zh-my", "zh-cn"],
            "zh-my" => ["zh-my", "zh-hans", "zh-sg", "zh-cn"],
            "zh-hans" => ["zh-hans", "zh-cn", "zh-sg", "zh-my"],
            "zh-tw" => ["zh-tw", "zh-hant", "zh-hk", "zh-mo"],
            "zh-hk" => ["zh-hk", "zh-hant", "zh-mo", "zh-tw"],
            "zh-mo" => ["zh-mo", "zh-hant", "zh-hk", "zh-tw"],
            "zh-hant" => ["zh-hant", "zh-tw", "zh-hk", "zh-mo"],
            _ => throw new ArgumentException($"there is no variant '{wanted}': it is one of {string.Join(", ", Names[..^1])}."),
        };
    }

    /// <summary>Which part of the inside of a rule is shown: empty for rules that only define.</summary>
    /// <param name="text">the whole text</param>
    /// <param name="inside">where the inside of the rule lies</param>
    /// <param name="bars">places of its bars</param>
    /// <param name="isNested">whether a place lies in a part inside, whose signs are not this rule's</param>
    public TextSpan Shown(string text, TextSpan inside, IReadOnlyList<int> bars, Func<int, bool> isNested)
    {
        TextSpan rules = inside;
        if (bars.Count > 0)
        {
            string[] flags = [.. text[inside.Start..bars[0]].Split(';', StringSplitOptions.TrimEntries)];
            rules = new TextSpan(bars[0] + 1, inside.End);
            if (flags.Contains("R"))
            {
                return rules;
            }
            if (!flags.Contains("A") && flags.Any(Silent.Contains))
            {
                return new TextSpan(inside.End, inside.End);
            }
        }
        List<(string Variant, TextSpan Shown)> choices = Choices(text, rules, isNested);
        if (choices.Count == 0)
        {
            return rules;
        }
        foreach (string variant in _order)
        {
            foreach ((string name, TextSpan shown) in choices)
            {
                if (name == variant)
                {
                    return shown;
                }
            }
        }
        return choices[0].Shown;
    }

    /// <summary>Rules end at a semicolon behind which another rule or nothing follows, so that a text may hold semicolons.</summary>
    private static List<(string, TextSpan)> Choices(string text, TextSpan rules, Func<int, bool> isNested)
    {
        List<(string, TextSpan)> choices = [];
        int start = rules.Start;
        for (int i = rules.Start; i <= rules.End; i++)
        {
            bool ends =
                i == rules.End
                || text[i] == ';'
                    && !isNested(i)
                    && (i + 1 == rules.End || Name(text, new TextSpan(i + 1, rules.End), isNested, out _) is not null);
            if (!ends)
            {
                continue;
            }
            if (Name(text, new TextSpan(start, i), isNested, out int shown) is { } name)
            {
                choices.Add((name, Trim(text, new TextSpan(shown, i))));
            }
            start = i + 1;
        }
        return choices;
    }

    /// <summary>The variant with which a rule begins, as in <c>zh-cn:…</c> or <c>text=&gt;zh-cn:…</c>, or null where it is none.</summary>
    private static string? Name(string text, TextSpan rule, Func<int, bool> isNested, out int shown)
    {
        ReadOnlySpan<char> span = text.AsSpan(rule.Start, rule.End - rule.Start);
        int colon = span.IndexOf(':');
        shown = rule.Start + colon + 1;
        if (colon < 0 || isNested(rule.Start + colon))
        {
            return null;
        }
        ReadOnlySpan<char> name = span[..colon];
        int arrow = name.LastIndexOf("=>");
        if (arrow >= 0 && name[..arrow].Contains(';'))
        {
            return null;
        }
        string found = (arrow < 0 ? name : name[(arrow + 2)..]).Trim().ToString();
        return Names.Contains(found) ? found : null;
    }

    private static TextSpan Trim(string text, TextSpan span)
    {
        (int start, int end) = (span.Start, span.End);
        while (start < end && char.IsWhiteSpace(text[start]))
        {
            start++;
        }
        while (end > start && char.IsWhiteSpace(text[end - 1]))
        {
            end--;
        }
        return new TextSpan(start, end);
    }
}
