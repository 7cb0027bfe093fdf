using System.Collections.Frozen;

namespace Inkstone.Data;

/// <summary>Which tags there are in wikitext, and what becomes of them.</summary>
internal static class WikiTags
{
    /// <summary>Tags of extensions that vanish with all inside: references, pictures, maps, charts, what only transcluding pages
    /// show.</summary>
    public static readonly FrozenSet<string> Hidden = FrozenSet.ToFrozenSet([
        "ref",
        "references",
        "gallery",
        "imagemap",
        "timeline",
        "score",
        "graph",
        "chart",
        "mapframe",
        "maplink",
        "categorytree",
        "inputbox",
        "hiero",
        "templatedata",
        "templatestyles",
        "indicator",
        "includeonly",
        "section",
        "dynamicpagelist",
        "rss",
        "phonos",
        "charinsert",
        "languages",
        "pages",
        "pagelist",
        "pagequality",
        "mapsources",
        "embedvideo",
        "tabber",
        "wikilove",
        "quiz",
    ]);

    /// <summary>Tags whose content stays as it stands.</summary>
    public static readonly FrozenSet<string> Literal = FrozenSet.ToFrozenSet(["nowiki", "pre", "code", "syntaxhighlight", "source"]);

    /// <summary>Tags around formulas.</summary>
    public static readonly FrozenSet<string> Formula = FrozenSet.ToFrozenSet(["math", "chem", "ce"]);

    /// <summary>HTML's tags that begin and end lines.</summary>
    public static readonly FrozenSet<string> Block = FrozenSet.ToFrozenSet([
        "br",
        "p",
        "div",
        "blockquote",
        "center",
        "hr",
        "dl",
        "dt",
        "dd",
        "ul",
        "ol",
        "li",
        "caption",
        "col",
        "colgroup",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "table",
        "figure",
        "figcaption",
        "pre",
        "poem",
        "gallery",
        "syntaxhighlight",
        "source",
        "references",
    ]);

    /// <summary>Other tags that are markup: they go, what they hold stays.</summary>
    public static readonly FrozenSet<string> Inline = FrozenSet.ToFrozenSet([
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "i",
        "ins",
        "kbd",
        "link",
        "mark",
        "meta",
        "q",
        "rb",
        "rbc",
        "rp",
        "rt",
        "rtc",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "noinclude",
        "onlyinclude",
        "translate",
        "tvar",
        "nowiki",
        "math",
        "chem",
        "ce",
    ]);

    /// <summary>Whether a tag of this name is parsed with its content before anything else.</summary>
    public static bool IsAtomic(string name) => name == "poem" || Literal.Contains(name) || Formula.Contains(name) || Hidden.Contains(name);

    /// <summary>Whether a tag of this name is markup at all; others are text.</summary>
    public static bool IsKnown(string name) => Block.Contains(name) || Inline.Contains(name) || Hidden.Contains(name);

    /// <summary>
    /// The tag at the beginning of a text: its name in lower case and the length of the whole tag up to its &gt;, or null where there is
    /// none.
    /// </summary>
    public static string? Parse(ReadOnlySpan<char> text, out bool isClosing, out int nameEnd, out int length)
    {
        isClosing = text.Length > 1 && text[1] == '/';
        int start = isClosing ? 2 : 1;
        nameEnd = start;
        while (nameEnd < text.Length && char.IsAsciiLetterOrDigit(text[nameEnd]))
        {
            nameEnd++;
        }
        length = 0;
        if (
            nameEnd == start
            || nameEnd == text.Length
            || !char.IsAsciiLetter(text[start])
            || text[nameEnd] is not (' ' or '\t' or '\n' or '/' or '>' or '\\')
        )
        {
            return null;
        }
        int end = text[nameEnd..].IndexOfAny('<', '>');
        if (end < 0 || text[nameEnd + end] == '<')
        {
            return null;
        }
        length = nameEnd + end + 1;
        Span<char> lower = stackalloc char[24];
        return nameEnd - start <= lower.Length && text[start..nameEnd].ToLowerInvariant(lower) is var count
            ? new string(lower[..count])
            : null;
    }
}
