using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Xml;

namespace Inkstone.Data;

/// <summary>Turns parts of a dump into lines. One may be used by many threads at once.</summary>
internal sealed class WikiWorker(string file, WikiSite site, WikitextCleaner cleaner, ScriptConverter? conversion)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Unpacks a part and reads its whole pages.</summary>
    public WikiPart Work(DumpPart part)
    {
        try
        {
            if (!part.IsPacked)
            {
                return Split(part.Bytes, part.Length);
            }
            using Stream packed = BzipStreams.Unpack(new MemoryStream(part.Bytes, 0, part.Length), file, part.Offset);
            byte[] xml = ArrayPool<byte>.Shared.Rent(Math.Max(1 << 20, 4 * part.Length));
            int length = 0;
            for (int read; (read = packed.Read(xml, length, xml.Length - length)) > 0; )
            {
                if ((length += read) < xml.Length)
                {
                    continue;
                }
                byte[] larger = ArrayPool<byte>.Shared.Rent(checked(2 * length));
                xml.AsSpan(0, length).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(xml);
                xml = larger;
            }
            WikiPart split = Split(xml, length);
            ArrayPool<byte>.Shared.Return(xml);
            return split;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(part.Bytes);
        }
    }

    /// <summary>Lines about whole pages.</summary>
    public WikiRows Pages(byte[] xml, int start, int length)
    {
        using MemoryStream lines = new();
        using Utf8JsonWriter json = new(lines, Relaxed);
        StringBuilder leftOut = new();
        List<long> ids = [];
        WikiCounts counts = new() { XmlBytes = length };
        try
        {
            foreach (WikiPage page in length == 0 ? [] : PageReader.Read(new MemoryStream(xml, start, length), site))
            {
                WikiCounts one = new() { Pages = 1, OlderRevisions = page.OlderRevisions };
                if (page.Namespace == 0)
                {
                    ids.Add(page.Id);
                }
                counts += one + Page(page, lines, json, leftOut);
            }
        }
        catch (XmlException exception)
        {
            throw new InvalidDataException(
                $"the XML of '{file}' cannot be read behind page {(ids.Count > 0 ? $"{ids[^1]}" : "0")} ({exception.Message.TrimEnd('.')}): fetch the dump again.",
                exception
            );
        }
        return new WikiRows(lines.ToArray(), leftOut.ToString(), ids, counts);
    }

    private WikiPart Split(byte[] xml, int length)
    {
        ReadOnlySpan<byte> all = xml.AsSpan(0, length);
        int first = all.IndexOf("<page>"u8);
        if (first < 0)
        {
            return new WikiPart(all.ToArray(), Pages(xml, 0, 0), [], HasBorder: false);
        }
        int last = all.LastIndexOf("</page>"u8),
            end = last < first ? first : last + "</page>"u8.Length;
        return new WikiPart(all[..first].ToArray(), Pages(xml, first, end - first), all[end..].ToArray(), HasBorder: true);
    }

    private WikiCounts Page(WikiPage page, MemoryStream lines, Utf8JsonWriter json, StringBuilder leftOut)
    {
        if (page.Namespace != 0)
        {
            return new WikiCounts { OtherNamespaces = 1 };
        }
        if (page.Redirect is not null)
        {
            return LeaveOut("redirect", new WikiCounts { Redirects = 1 });
        }
        if (page.Model != "wikitext")
        {
            return LeaveOut($"model {page.Model}", new WikiCounts { OtherModels = 1 });
        }
        if (page.Text is null)
        {
            return LeaveOut("suppressed", new WikiCounts { Suppressed = 1 });
        }
        CleanPage clean = cleaner.Clean(page.Title, page.Text);
        if (clean.IsDisambiguation)
        {
            return LeaveOut("disambiguation", new WikiCounts { Disambiguations = 1 });
        }
        if (clean.Text.AsSpan().Trim().IsEmpty)
        {
            return LeaveOut("empty", new WikiCounts { Empty = 1 });
        }
        string text = conversion is null || !clean.IsConverted ? clean.Text : conversion.Convert(clean.Text, clean.Kept, out _);
        json.Reset(lines);
        json.WriteStartObject();
        json.WriteNumber("id"u8, page.Id);
        json.WriteString("title"u8, page.Title);
        json.WriteNumber("revision"u8, page.Revision);
        json.WriteString("text"u8, text);
        if (conversion is null && (clean.Kept.Count > 0 || !clean.IsConverted))
        {
            json.WritePropertyName(KeptText.Field);
            KeptText.Write(text, clean.IsConverted ? clean.Kept : [new TextSpan(0, text.Length)]).WriteTo(json);
        }
        json.WriteEndObject();
        json.Flush();
        lines.WriteByte((byte)'\n');
        return new WikiCounts { Kept = 1, TextBytes = Encoding.UTF8.GetByteCount(text) };

        WikiCounts LeaveOut(string reason, WikiCounts count)
        {
            leftOut
                .Append(page.Id)
                .Append('\t')
                .Append(page.Revision)
                .Append('\t')
                .Append(reason)
                .Append('\t')
                .Append(Cell(page.Title))
                .Append('\t')
                .Append(Cell(page.Redirect ?? ""))
                .Append('\n');
            return count;
        }
    }

    private static string Cell(string text) => text.ReplaceLineEndings(" ").Replace('\t', ' ');
}
