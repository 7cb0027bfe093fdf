using System.Text;

namespace Inkstone.Data;

/// <summary>
/// The first step of taking markup off a page: comments, tags of extensions, templates, parameters and language variants become what they
/// show. What remains is
/// wikitext of tables, links, headings, lists, quotes and HTML.
/// </summary>
internal sealed class WikiExpander(string title, LanguageVariant variant)
{
    private const int MostNested = 40;
    private int _depth;

    /// <summary>Whether a template has said that the page tells meanings apart.</summary>
    public bool IsDisambiguation { get; private set; }

    /// <summary>Appends what a text shows.</summary>
    public void Expand(string text, StringBuilder output) => Expand(text, WikiStructure.Parse(text), new TextSpan(0, text.Length), output);

    private void Expand(string text, IReadOnlyList<WikiNode> nodes, TextSpan span, StringBuilder output)
    {
        if (_depth >= MostNested)
        {
            return;
        }
        _depth++;
        int at = span.Start;
        foreach (WikiNode node in nodes)
        {
            if (node.Start < at || node.End > span.End)
            {
                continue;
            }
            output.Append(text, at, node.Start - at);
            Show(text, node, output);
            at = node.End;
        }
        output.Append(text, at, span.End - at);
        _depth--;
    }

    private string Expanded(string text, WikiNode node, TextSpan span)
    {
        StringBuilder output = new();
        Expand(text, node.Children, span, output);
        return output.ToString();
    }

    private void Show(string text, WikiNode node, StringBuilder output)
    {
        switch (node.Kind)
        {
            case WikiNodeKind.Comment:
                break;
            case WikiNodeKind.Tag:
                ShowTag(text, node, output);
                break;
            case WikiNodeKind.Template:
                ShowTemplate(text, node, output);
                break;
            case WikiNodeKind.Parameter:
                if (node.Bars.Count == 0)
                {
                    output.Append(Markup.Void);
                }
                else
                {
                    Expand(
                        text,
                        node.Children,
                        new TextSpan(node.Bars[0] + 1, node.Bars.Count > 1 ? node.Bars[1] : node.ContentEnd),
                        output
                    );
                }
                break;
            default:
                output.Append(Markup.KeepBegin);
                Expand(
                    text,
                    node.Children,
                    variant.Shown(text, new TextSpan(node.ContentStart, node.ContentEnd), node.Bars, at => IsInside(node, at)),
                    output
                );
                output.Append(Markup.KeepEnd);
                break;
        }
    }

    private void ShowTag(string text, WikiNode node, StringBuilder output)
    {
        string content = text[node.ContentStart..node.ContentEnd];
        ReadOnlySpan<char> attributes = text.AsSpan(node.Attributes.Start, node.Attributes.End - node.Attributes.Start);
        switch (node.Name)
        {
            case "nowiki":
                output.AppendGuarded(Entities.DecodeGuarded(content));
                break;
            case "code":
                output.AppendGuarded(Entities.DecodeGuarded(WithoutNowiki(content)));
                break;
            case "pre":
                AppendLines(output, Entities.DecodeGuarded(WithoutNowiki(content)));
                break;
            case "syntaxhighlight" or "source" when attributes.Contains("inline", StringComparison.OrdinalIgnoreCase):
                output.AppendGuarded(content.AsSpan().Trim());
                break;
            case "syntaxhighlight" or "source":
                AppendLines(output, content);
                break;
            case "poem":
                output.Append('\n');
                Expand(content.Trim('\n'), output);
                output.Append('\n');
                break;
            case "math" or "chem" or "ce":
                ShowFormula(node.Name, content.Trim(), attributes.Contains("block", StringComparison.OrdinalIgnoreCase), output);
                break;
            default:
                output.Append(Markup.Void);
                break;
        }
    }

    private static void ShowFormula(string name, string formula, bool isBlock, StringBuilder output)
    {
        if (formula.Length == 0)
        {
            output.Append(Markup.Void);
            return;
        }
        string tex = name == "math" ? formula : $"\\ce{{{formula}}}",
            sign = isBlock ? "$$" : "$";
        if (isBlock)
        {
            output.Append(Markup.Break);
        }
        output.Append(sign).AppendGuarded(tex).Append(sign);
        if (isBlock)
        {
            output.Append(Markup.Break);
        }
    }

    private static void AppendLines(StringBuilder output, string content)
    {
        ReadOnlySpan<char> lines = content;
        if (lines.StartsWith("\n"))
        {
            lines = lines[1..];
        }
        output.Append(Markup.Break).AppendGuarded(lines.TrimEnd()).Append(Markup.Break);
    }

    private static string WithoutNowiki(string text) =>
        text.Contains("<nowiki", StringComparison.OrdinalIgnoreCase)
            ? text.Replace("<nowiki>", "", StringComparison.OrdinalIgnoreCase)
                .Replace("</nowiki>", "", StringComparison.OrdinalIgnoreCase)
                .Replace("<nowiki/>", "", StringComparison.OrdinalIgnoreCase)
                .Replace("<nowiki />", "", StringComparison.OrdinalIgnoreCase)
            : text;

    private void ShowTemplate(string text, WikiNode node, StringBuilder output)
    {
        int nameEnd = node.Bars.Count > 0 ? node.Bars[0] : node.ContentEnd;
        string name = TextTemplates.Name(Expanded(text, node, new TextSpan(node.ContentStart, nameEnd)));
        if (name is "PAGENAME" or "FULLPAGENAME")
        {
            output.AppendGuarded(title);
            return;
        }
        IsDisambiguation |= TextTemplates.IsDisambiguation(name);
        if (TextTemplates.Find(name) is not { } rule)
        {
            output.Append(Markup.Void);
            return;
        }
        string? shown =
            rule.Spells
            ?? (
                rule.IsMeasure
                    ? Measure(text, node)
                    : rule
                        .Arguments.Select(argument => Argument(text, node, argument))
                        .FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))
            );
        if (rule.IsBlock)
        {
            output.Append(Markup.Break);
        }
        if (shown is null)
        {
            output.Append(Markup.Void);
        }
        else
        {
            output.Append(shown);
        }
        if (rule.IsBlock)
        {
            output.Append(Markup.Break);
        }
    }

    /// <summary>A number with its unit: {{convert|20|cm}}, {{convert|3|to|5|km|mi}}.</summary>
    private string? Measure(string text, WikiNode node)
    {
        if (Argument(text, node, "1") is not { Length: > 0 } value || Argument(text, node, "2") is not { Length: > 0 } second)
        {
            return null;
        }
        if (Argument(text, node, "3") is not { Length: > 0 } third || Argument(text, node, "4") is not { Length: > 0 } fourth)
        {
            return $"{value} {second}";
        }
        return second is "-" or "–" ? $"{value}–{third} {fourth}"
            : IsRange(second) || char.IsAsciiDigit(third[0]) ? $"{value} {second} {third} {fourth}" // 3 to 5 km, 5 ft 6 in
            : $"{value} {second}";
    }

    private static bool IsRange(string word) => word is "to" or "and" or "or" or "by" or "x" or "×" or "+" or "至" or "到";

    /// <summary>What an argument shows: by its name, or the n-th of those without a name; null where it is not given.</summary>
    private string? Argument(string text, WikiNode node, string wanted)
    {
        string? found = null;
        int number = 0;
        for (int i = 0; i < node.Bars.Count; i++)
        {
            (int start, int end) = (node.Bars[i] + 1, i + 1 < node.Bars.Count ? node.Bars[i + 1] : node.ContentEnd);
            int equals = NamedUpTo(text, node, start, end);
            string name = equals < 0 ? $"{++number}" : text[start..equals].Trim();
            if (name == wanted)
            {
                found = Expanded(text, node, new TextSpan(equals < 0 ? start : equals + 1, end)).Trim();
            }
        }
        return found;
    }

    /// <summary>Where the equals sign of a named argument stands; -1 where it has no name.</summary>
    private static int NamedUpTo(string text, WikiNode node, int start, int end)
    {
        for (int at = text.IndexOf('=', start, end - start); at >= 0; at = text.IndexOf('=', at + 1, end - at - 1))
        {
            if (IsInside(node, at))
            {
                continue;
            }
            int link = text.LastIndexOf("[[", at, at - start + 1, StringComparison.Ordinal);
            return link >= 0 && text.IndexOf("]]", link, at - link, StringComparison.Ordinal) < 0 ? -1 : at;
        }
        return -1;
    }

    private static bool IsInside(WikiNode node, int at)
    {
        foreach (WikiNode child in node.Children)
        {
            if (child.Start > at)
            {
                return false;
            }
            if (at < child.End)
            {
                return true;
            }
        }
        return false;
    }
}
