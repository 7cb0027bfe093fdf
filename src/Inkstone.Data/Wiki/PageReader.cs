using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;

namespace Inkstone.Data;

/// <summary>Reads pages of MediaWiki's export format (versions 0.3 to 0.11) from a run of whole <c>page</c> elements; elements that it does
/// not know are passed over.</summary>
internal static partial class PageReader
{
    public static readonly XmlReaderSettings Settings = new()
    {
        ConformanceLevel = ConformanceLevel.Fragment,
        CheckCharacters = false,
        DtdProcessing = DtdProcessing.Prohibit,
        CloseInput = true,
    };

    public static IEnumerable<WikiPage> Read(Stream xml, WikiSite site)
    {
        using XmlReader reader = XmlReader.Create(xml, Settings);
        reader.MoveToContent();
        while (!reader.EOF)
        {
            if (reader.NodeType == XmlNodeType.Element && reader.LocalName == "page")
            {
                yield return Page(reader, site);
            }
            else if (reader.NodeType == XmlNodeType.Element)
            {
                reader.Skip();
            }
            else
            {
                reader.Read();
            }
        }
    }

    private static WikiPage Page(XmlReader reader, WikiSite site)
    {
        (long id, string title, int? space, string? redirect) = (0, "", null, null);
        (long Id, string Time, string Model, string? Text) newest = (0, "", "wikitext", null);
        int revisions = 0;
        Members(
            reader,
            name =>
            {
                switch (name)
                {
                    case "title":
                        title = reader.ReadElementContentAsString();
                        break;
                    case "id":
                        id = Number(reader);
                        break;
                    case "ns":
                        space = (int)Number(reader);
                        break;
                    case "redirect":
                        redirect = reader.GetAttribute("title") ?? "";
                        reader.Skip();
                        break;
                    case "revision" when (space ?? site.NamespaceOf(title)) == 0:
                        (long, string, string, string?) revision = Revision(reader);
                        if (revisions++ == 0 || IsNewer(revision, newest))
                        {
                            newest = revision;
                        }
                        break;
                    default:
                        reader.Skip();
                        break;
                }
            }
        );
        redirect ??= newest.Text is { } text && RedirectText().Match(text) is { Success: true } match ? match.Groups[1].Value.Trim() : null;
        return new WikiPage(
            id,
            title,
            space ?? site.NamespaceOf(title),
            redirect,
            newest.Id,
            newest.Model,
            newest.Text,
            Math.Max(0, revisions - 1)
        );
    }

    private static bool IsNewer((long Id, string Time, string, string?) one, (long Id, string Time, string, string?) other) =>
        string.CompareOrdinal(one.Time, other.Time) is var order && (order > 0 || order == 0 && one.Id > other.Id);

    private static (long, string, string, string?) Revision(XmlReader reader)
    {
        (long id, string time, string model, string? text) = (0, "", "wikitext", null);
        Members(
            reader,
            name =>
            {
                switch (name)
                {
                    case "id":
                        id = Number(reader);
                        break;
                    case "timestamp":
                        time = reader.ReadElementContentAsString().Trim();
                        break;
                    case "model":
                        model = reader.ReadElementContentAsString().Trim();
                        break;
                    case "text":
                        bool isDeleted = reader.GetAttribute("deleted") is not null;
                        string content = reader.ReadElementContentAsString();
                        text = isDeleted ? null : content;
                        break;
                    default:
                        reader.Skip();
                        break;
                }
            }
        );
        return (id, time, model, text);
    }

    /// <summary>Calls for each child element of the current one, which must be read or skipped, and moves behind the current one.</summary>
    private static void Members(XmlReader reader, Action<string> member)
    {
        bool isEmpty = reader.IsEmptyElement;
        reader.Read();
        if (isEmpty)
        {
            return;
        }
        while (reader.NodeType != XmlNodeType.EndElement)
        {
            if (reader.EOF)
            {
                throw new XmlException("the page does not end");
            }
            if (reader.NodeType == XmlNodeType.Element)
            {
                member(reader.LocalName);
            }
            else
            {
                reader.Read();
            }
        }
        reader.Read();
    }

    private static long Number(XmlReader reader) =>
        long.TryParse(
            reader.ReadElementContentAsString(),
            NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture,
            out long number
        )
            ? number
            : 0;

    [GeneratedRegex(
        @"^\s*#(?:REDIRECT|重定向|重新導向|重新导向)\s*[:：]?\s*\[\[:?([^\]|#]+)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex RedirectText();
}
