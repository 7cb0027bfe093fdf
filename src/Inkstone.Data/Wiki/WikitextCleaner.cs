using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>What a page shows.</summary>
/// <param name="Text">its text, without markup; empty where nothing is left</param>
/// <param name="Kept">parts that the authors spelled for the wanted script: a conversion must leave them as they are</param>
/// <param name="IsDisambiguation">whether it only tells meanings of its title apart</param>
/// <param name="IsConverted">false where the page asks that nothing in it be converted</param>
internal sealed record CleanPage(string Text, IReadOnlyList<TextSpan> Kept, bool IsDisambiguation, bool IsConverted);

/// <summary>Wikitext to plain text as a careful person would copy it from the page, for one script of Chinese. One may be used by many
/// threads at once.</summary>
/// <param name="site">names of namespaces</param>
/// <param name="variant">the wanted script: zh-cn, zh-tw, zh-hk, zh-sg, zh-mo, zh-my, zh-hans or zh-hant</param>
internal sealed partial class WikitextCleaner(WikiSite site, string variant)
{
    private readonly LanguageVariant _variant = new(variant);
    private readonly WikiLinks _links = new(site);

    /// <summary>Takes the markup off a page.</summary>
    public CleanPage Clean(string title, string wikitext)
    {
        WikiExpander expander = new(title, _variant);
        StringBuilder expanded = new(wikitext.Length);
        expander.Expand(Markup.WithoutSigns(wikitext), expanded);
        string text = WikiHtml.Remove(WikiTables.Remove(expanded.ToString()));
        bool isConverted = true;
        if (text.Contains("__", StringComparison.Ordinal))
        {
            isConverted = !NoConversion().IsMatch(text);
            text = Switches().Replace(text, "");
        }
        (string shown, List<TextSpan> kept) = Finish(WikiLines.Read(_links.Show(text)));
        bool isDisambiguation =
            expander.IsDisambiguation
            || DisambiguationTitle().IsMatch(title)
            || wikitext.Contains("__DISAMBIG__", StringComparison.Ordinal);
        return new CleanPage(shown, kept, isDisambiguation, isConverted);
    }

    /// <summary>Signs become what they stand for; a mark of kept text without its partner means nothing.</summary>
    private static (string Text, List<TextSpan> Kept) Finish(StringBuilder signed)
    {
        StringBuilder text = new(signed.Length);
        List<TextSpan> kept = [];
        List<(int Start, int Kept)> open = [];
        foreach (ReadOnlyMemory<char> chunk in signed.GetChunks())
        {
            foreach (char c in chunk.Span)
            {
                if (c == Markup.KeepBegin)
                {
                    open.Add((text.Length, kept.Count));
                }
                else if (c != Markup.KeepEnd)
                {
                    text.Append(Markup.Unguard(c));
                }
                else if (open.Count > 0)
                {
                    (int start, int count) = open[^1];
                    open.RemoveAt(open.Count - 1);
                    kept.RemoveRange(count, kept.Count - count); // parts of this one
                    kept.Add(new TextSpan(start, text.Length));
                }
            }
        }
        return (text.ToString(), kept);
    }

    [GeneratedRegex(
        "__(?:NO(?:TOC|EDITSECTION|GALLERY|CONTENTCONVERT|CC|TITLECONVERT|TC|NEWSECTIONLINK|INDEX|GLOBAL|TITLE|TALK)|FORCETOC|TOC|NEWSECTIONLINK|HIDDENCAT|EXPECT[A-Z]+|START|END|INDEX|STATICREDIRECT|DISAMBIG|ARCHIVEDTALK|"
            + "\\p{IsCJKUnifiedIdeographs}{2,10})__",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Switches();

    [GeneratedRegex("__(?:NOCONTENTCONVERT|NOCC|不[转轉][换換](?:内容|內容)?)__", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex NoConversion();

    [GeneratedRegex("[(（](?:消歧[义義]|disambiguation)[)）]$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex DisambiguationTitle();
}
