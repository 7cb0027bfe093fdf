using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// MediaWiki's dumps as text: <c>pages.jsonl</c> with {id, title, revision, text} for each article, in the order of the dump, and
/// <c>left-out.tab</c> with the reason for
/// each other page of the main namespace. Streams of a bz2 file are unpacked and cleaned by all threads; memory does not grow with the
/// dump; the result does not depend
/// on the number of threads.
/// </summary>
/// <remarks>
/// A record has a fourth field <c>keep</c> where the page spells parts of its text for one script: pairs of places, in code points, that a
/// later conversion leaves alone.
/// </remarks>
public sealed class WikiImport(WikiOptions options)
{
    private const int MostHead = 8 << 20,
        LongPageSize = 32 << 20;

    private readonly PageCopies _copies = new();
    private WikiCounts _counts = new();

    /// <summary>Writes the folder, or leaves nothing behind.</summary>
    /// <param name="progress">the share of the dumps that was read, and pages so far</param>
    /// <param name="cancellation">ends the work</param>
    /// <exception cref="InvalidDataException">A dump is damaged, cut off or none.</exception>
    public WikiResult Run(IProgress<(double Share, long Pages)>? progress = null, CancellationToken cancellation = default)
    {
        _ = new WikitextCleaner(new WikiSite(), options.Variant); // refuses a wrong variant before anything is written
        WikiResult? result = null;
        AtomicDirectory.Write(
            options.Output,
            options.Force,
            folder =>
            {
                string pages = Path.Combine(folder, "pages.jsonl"),
                    leftOut = Path.Combine(folder, "left-out.tab");
                using (FileStream kept = new(pages, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16))
                using (StreamWriter others = new(leftOut, append: false, new UTF8Encoding(false), 1 << 16) { NewLine = "\n" })
                {
                    others.WriteLine("id\trevision\treason\ttitle\ttarget");
                    for (int i = 0; i < options.Dumps.Count; i++)
                    {
                        Read(i, kept, others, progress, cancellation);
                    }
                }
                (long copies, long bytes) = _copies.Resolve(pages, leftOut);
                _counts += new WikiCounts
                {
                    OlderCopies = copies,
                    Kept = -copies,
                    TextBytes = -bytes,
                };
                AppliedConversion[] conversions = options.Conversion is { } c
                    ? [new AppliedConversion(c.Configuration, c.Fingerprint)]
                    : [];
                result = new WikiResult(options.Dumps, options.Variant, conversions, _counts);
                AtomicFile.Write(
                    Path.Combine(folder, "metadata.json"),
                    stream => JsonSerializer.Serialize(stream, result, Metadata.Readable.WikiResult)
                );
            }
        );
        return result!;
    }

    private void Read(int index, FileStream kept, StreamWriter others, IProgress<(double, long)>? progress, CancellationToken cancellation)
    {
        string file = options.Dumps[index];
        using DumpParts parts = new(file);
        WikiSite site = Site(parts, file);
        WikiWorker worker = new(file, site, new WikitextCleaner(site, options.Variant), options.Conversion);
        MemoryStream border = new(); // a page that began in one part and goes on in the next
        OrderedWork.Run(
            parts.Read(),
            worker.Work,
            part =>
            {
                border.Write(part.Head);
                if (part.HasBorder)
                {
                    Flush(worker, border, file, kept, others, isWhole: true);
                }
                else if (border.Length > LongPageSize)
                {
                    Flush(worker, border, file, kept, others, isWhole: false);
                }
                border.Write(part.Tail);
                Write(part.Lines, kept, others);
                progress?.Report(((index + (double)parts.Position / Math.Max(1, parts.Length)) / options.Dumps.Count, _counts.Pages));
            },
            options.Threads,
            cancellation
        );
        Flush(worker, border, file, kept, others, isWhole: true);
    }

    private static WikiSite Site(DumpParts parts, string file)
    {
        byte[] beginning = parts.Beginning(MostHead);
        WikiSite site = new();
        int start = beginning.AsSpan().IndexOf("<siteinfo>"u8),
            end = beginning.AsSpan().IndexOf("</siteinfo>"u8);
        if (start >= 0 && end > start)
        {
            site.Read(Encoding.UTF8.GetString(beginning, start, end + "</siteinfo>"u8.Length - start));
        }
        else if (beginning.AsSpan().IndexOf("<page>"u8) < 0 && beginning.AsSpan().IndexOf("<mediawiki"u8) < 0)
        {
            throw new InvalidDataException($"the file '{file}' is no dump of MediaWiki: there is neither <mediawiki> nor <page> in it.");
        }
        return site;
    }

    /// <summary>Reads the pages between two parts.</summary>
    /// <param name="worker">reads them</param>
    /// <param name="border">what was gathered; what is not read stays</param>
    /// <param name="file">for messages</param>
    /// <param name="kept">pages</param>
    /// <param name="others">pages left out</param>
    /// <param name="isWhole">whether the last page has to be whole now</param>
    private void Flush(WikiWorker worker, MemoryStream border, string file, FileStream kept, StreamWriter others, bool isWhole)
    {
        byte[] xml = border.GetBuffer();
        ReadOnlySpan<byte> all = xml.AsSpan(0, (int)border.Length);
        int first = all.IndexOf("<page>"u8),
            last = all.LastIndexOf("</page>"u8);
        int end = first >= 0 && last > first ? last + "</page>"u8.Length : Math.Max(0, first);
        if (first >= 0 && end > first)
        {
            Write(worker.Pages(xml, first, end - first), kept, others);
        }
        byte[] rest = all[end..].ToArray();
        if (isWhole && first >= 0 && rest.AsSpan().IndexOf("<page>"u8) >= 0)
        {
            throw new InvalidDataException(
                $"the dump '{file}' ends, or has a hole, in the middle of a page ({_counts.Pages:N0} pages before it): it was cut off or is damaged; fetch it again."
            );
        }
        border.SetLength(0);
        if (isWhole)
        {
            return;
        }
        (rest, long dropped) = LongPage.Shorten(rest);
        _counts += new WikiCounts { OlderRevisions = dropped };
        border.Write(rest);
    }

    private void Write(WikiRows lines, FileStream kept, StreamWriter others)
    {
        kept.Write(lines.Pages);
        others.Write(lines.LeftOut);
        foreach (long id in lines.Ids)
        {
            _copies.Add(id);
        }
        _counts += lines.Counts;
    }
}
