using System.Text;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;

namespace Inkstone.Data;

/// <summary>
/// The text of HTML pages as a reader sees it: parsed as browsers do, so that broken markup is mended; without scripts, forms and what
/// frames the text;
/// a line for each block, cells parted by tabs, references as characters, and &lt;pre&gt; with its blanks.
/// </summary>
internal static partial class HtmlPages
{
    private static readonly HashSet<string> Left = new(StringComparer.OrdinalIgnoreCase)
    {
        "head",
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "nav",
        "footer",
        "aside",
        "form",
        "button",
        "select",
        "iframe",
        "object",
        "audio",
        "video",
        "canvas",
    };

    private static readonly HashSet<string> Blocks = new(StringComparer.OrdinalIgnoreCase)
    {
        "address",
        "article",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
        "caption",
        "details",
        "summary",
    };

    private static readonly HashSet<string> Paragraphs = new(StringComparer.OrdinalIgnoreCase)
    {
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "table",
        "blockquote",
        "article",
        "section",
    };

    /// <summary>The text of a page; a text without any tag is given back as it is.</summary>
    public static string Text(string page)
    {
        if (!Tag().IsMatch(page))
        {
            return page;
        }
        using IDocument document = new HtmlParser().ParseDocument(page);
        StringBuilder text = new();
        if (document.Body is { } body)
        {
            Append(body, text, isPre: false);
        }
        return ManyLines().Replace(text.ToString(), "\n\n").Trim('\n', ' ');
    }

    private static void Append(INode node, StringBuilder text, bool isPre)
    {
        foreach (INode child in node.ChildNodes)
        {
            if (child is IText words)
            {
                AppendWords(words.Data, text, isPre);
            }
            else if (child is IElement element && !Left.Contains(element.LocalName))
            {
                AppendElement(element, text, isPre);
            }
        }
    }

    private static void AppendElement(IElement element, StringBuilder text, bool isPre)
    {
        string name = element.LocalName;
        if (name == "br")
        {
            text.Append('\n');
            return;
        }
        bool isBlock = Blocks.Contains(name),
            isParagraph = Paragraphs.Contains(name);
        if (isBlock)
        {
            EndLine(text, isParagraph);
        }
        if (name is "td" or "th" && text.Length > 0 && text[^1] != '\n')
        {
            text.Append('\t');
        }
        Append(element, text, isPre || name == "pre");
        if (isBlock)
        {
            EndLine(text, isParagraph);
        }
    }

    private static void AppendWords(string words, StringBuilder text, bool isPre)
    {
        if (isPre)
        {
            text.Append(words);
            return;
        }
        foreach (char c in words)
        {
            bool isBlank = c is ' ' or '\t' or '\n' or '\r' or '\f';
            if (!isBlank)
            {
                text.Append(c);
            }
            else if (text.Length > 0 && text[^1] is not (' ' or '\n' or '\t'))
            {
                text.Append(' ');
            }
        }
    }

    private static void EndLine(StringBuilder text, bool isParagraph)
    {
        while (text.Length > 0 && text[^1] is ' ' or '\t')
        {
            text.Length--;
        }
        if (text.Length == 0)
        {
            return;
        }
        if (text[^1] != '\n')
        {
            text.Append('\n');
        }
        if (isParagraph && text.Length > 1 && text[^2] != '\n')
        {
            text.Append('\n');
        }
    }

    [GeneratedRegex(@"<[a-zA-Z!/]")]
    private static partial Regex Tag();

    [GeneratedRegex(@"\n{3,}")]
    private static partial Regex ManyLines();
}
