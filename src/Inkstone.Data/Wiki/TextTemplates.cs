using System.Collections.Frozen;

namespace Inkstone.Data;

/// <summary>Templates that carry text of the page itself; every other template is furniture and vanishes.</summary>
internal static class TextTemplates
{
    /// <summary>How a template shows its arguments.</summary>
    /// <param name="Arguments">names or numbers of the arguments that may hold the text; the first one given counts</param>
    public sealed record Rule(params string[] Arguments)
    {
        /// <summary>Whether the text stands on lines of its own.</summary>
        public bool IsBlock { get; init; }

        /// <summary>Whether it is a number with its unit.</summary>
        public bool IsMeasure { get; init; }

        /// <summary>A text that the name alone stands for, markup as it is.</summary>
        public string? Spells { get; init; }
    }

    private static readonly Rule First = new("1");
    private static readonly Rule LocalLink = new("3", "1");
    private static readonly Rule Quotation = new("text", "quote", "1", "content") { IsBlock = true };
    private static readonly Rule Measure = new() { IsMeasure = true };

    private static readonly FrozenDictionary<string, Rule> Rules = new Dictionary<string, Rule>
    {
        ["lang"] = new("text", "2"),
        ["nowrap"] = First,
        ["nobr"] = First,
        ["nobold"] = First,
        ["noitalic"] = First,
        ["small"] = First,
        ["smaller"] = First,
        ["big"] = First,
        ["larger"] = First,
        ["math"] = First,
        ["mvar"] = First,
        ["convert"] = Measure,
        ["cvt"] = Measure,
        ["le"] = LocalLink,
        ["link-en"] = LocalLink,
        ["tsl"] = new("4", "3", "2"),
        ["translink"] = new("4", "3", "2"),
        ["quote"] = Quotation,
        ["cquote"] = Quotation,
        ["quotation"] = Quotation,
        ["blockquote"] = Quotation,
        ["!"] = new() { Spells = "|" },
        ["!!"] = new() { Spells = "||" },
        ["!-"] = new() { Spells = "|-" },
        ["="] = new() { Spells = "=" },
        ["("] = new() { Spells = "{" },
        [")"] = new() { Spells = "}" },
        ["(("] = new() { Spells = "{{" },
        ["))"] = new() { Spells = "}}" },
        ["(!"] = new() { Spells = "{|" },
        ["!)"] = new() { Spells = "|}" },
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly string[] Namespaces = ["Template:", "模板:", "样板:", "樣板:", "T:"];
    private static readonly string[] Disambiguations =
    [
        "dab",
        "hndis",
        "geodis",
        "disamb",
        "numberdis",
        "mathdab",
        "roaddis",
        "schooldis",
        "hospitaldis",
        "歧义",
        "歧義",
    ];

    private static readonly string[] AskForDisambiguation = ["needed", "inline", "link", "需"];

    /// <summary>The rule of a template, or null where it vanishes.</summary>
    public static Rule? Find(string name) =>
        Rules.GetValueOrDefault(name) ?? (name.StartsWith("link-", StringComparison.OrdinalIgnoreCase) ? LocalLink : null);

    /// <summary>A template's name as pages of its namespace are called.</summary>
    public static string Name(string written)
    {
        string name = written.Replace('_', ' ').Trim();
        foreach (string prefix in Namespaces)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return name[prefix.Length..].Trim();
            }
        }
        return name;
    }

    /// <summary>Whether a template says that its page only tells meanings of a title apart: by a short name, or as 地名消歧义 and Disambiguation
    /// page do.</summary>
    public static bool IsDisambiguation(string name) =>
        Disambiguations.Contains(name, StringComparer.OrdinalIgnoreCase)
        || (
            name.Contains("disambig", StringComparison.OrdinalIgnoreCase)
            || name.TrimEnd('页', '頁') is var bare
                && (bare.EndsWith("消歧义", StringComparison.Ordinal) || bare.EndsWith("消歧義", StringComparison.Ordinal))
        ) && !AskForDisambiguation.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));
}
