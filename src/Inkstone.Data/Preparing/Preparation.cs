using System.Buffers.Binary;
using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// Raw text to documents to train on: reads, cleans, drops duplicates, and parts train from valid by a hash of each document, so
/// that neither order nor company of a document changes its side. Memory does not grow with the input.
/// </summary>
/// <remarks>
/// Cleaned documents first go to a spool file; when all are known, the duplicates are found, and the rest is written.
/// </remarks>
public sealed class Preparation(PrepareOptions options)
{
    private const string MetadataName = "metadata.json";

    /// <summary>The longest document, in bytes: a value of System.Text.Json may have 166 million.</summary>
    internal int MostBytes { get; init; } = 128 << 20;

    /// <summary>Prepares the output folder, or leaves nothing behind.</summary>
    /// <exception cref="InvalidDataException">The input is not what it should be, or nothing of it remains.</exception>
    /// <exception cref="ArgumentException">An option makes no sense, or the output exists.</exception>
    public PrepareResult Run(IProgress<PrepareProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Validate();
        IReadOnlyList<string> files = InputFiles.Find(options.Inputs);
        try
        {
            using var output = new AtomicDirectory(options.Output, options.Force);
            PrepareResult result = Prepare(files, output.Staging, progress, cancellation);
            output.Commit();
            return result;
        }
        catch (IOException exception) when (DiskFull.IsReasonOf(exception))
        {
            throw new IOException($"The disk of '{options.Output}' is full, nothing was kept: free space (about three times the input) or name a folder on another disk.", exception.HResult);
        }
    }

    /// <summary>MicroLM's split: the first 8 bytes of the SHA-1 as a fraction of 2^64, big endian; valid when below the ratio.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text, double ratio)
    {
        return Sha1.First8Bytes(text) / 18446744073709551616.0 < ratio;
    }

    private PrepareResult Prepare(IReadOnlyList<string> files, string folder, IProgress<PrepareProgress>? progress, CancellationToken cancellation)
    {
        var reader = new DocumentReader(new ReadOptions(options.TextKeys, options.InputSeparator, options.InvalidUtf8, options.MissingKey, "name the right one with --text-key, or leave such lines out with --skip-missing-key"));
        IReadOnlyList<TextFilter> filters = CleaningRules.For(options);
        using var spool = new FileStream(Path.Combine(folder, "spool.tmp"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        try
        {
            using var dedup = new ExactDedup(folder);
            long spooled = Clean(reader, filters, files, spool, dedup, progress, cancellation);
            BitArray? duplicates = options.Dedup ? dedup.FindDuplicates() : null;
            return Write(reader, filters, folder, spool, spooled, duplicates, progress, cancellation);
        }
        catch
        {
            // What is buffered must not be written when the disk is full: the file is deleted with the folder.
            spool.SetLength(0);
            throw;
        }
    }

    private long Clean(
        DocumentReader reader, IReadOnlyList<TextFilter> filters, IReadOnlyList<string> files, FileStream spool, ExactDedup dedup,
        IProgress<PrepareProgress>? progress, CancellationToken cancellation)
    {
        long total = files.Sum(file => new FileInfo(file).Length), kept = 0;
        Span<byte> length = stackalloc byte[4];
        foreach (Document document in reader.Read(files))
        {
            cancellation.ThrowIfCancellationRequested();
            if (reader.Documents % 1024 == 0) progress?.Report(new PrepareProgress("clean", reader.BytesRead, total, reader.Documents));
            string? text = document.Text;
            for (int i = 0; i < filters.Count && text is not null; i++) text = filters[i].Apply(text);
            if (string.IsNullOrEmpty(text)) continue;

            byte[] bytes = Encoding.UTF8.GetBytes(text);
            if (bytes.Length > MostBytes)
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{document.Source}:{document.Line}: the document has {bytes.Length:N0} bytes and one may have {MostBytes:N0}: split it, or let a maximum length drop or cut it."));
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            spool.Write(length);
            spool.Write(bytes);
            if (options.Dedup) dedup.Add(bytes);
            kept++;
        }
        return kept;
    }

    private PrepareResult Write(
        DocumentReader reader, IReadOnlyList<TextFilter> filters, string folder, FileStream spool, long spooled, BitArray? duplicates,
        IProgress<PrepareProgress>? progress, CancellationToken cancellation)
    {
        var histogram = new LengthHistogram();
        long train = 0, valid = 0, bytes = 0, duplicateCount = 0;
        byte[] buffer = new byte[1 << 12];
        using (var writer = new PreparedWriter(folder, options))
        {
            spool.Flush();
            spool.Position = 0;
            for (long i = 0; i < spooled; i++)
            {
                if (i % 1024 == 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    progress?.Report(new PrepareProgress("write", i, spooled, train + valid));
                }
                spool.ReadExactly(buffer, 0, 4);
                int length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
                if (buffer.Length < length) buffer = new byte[Math.Max(length, 2 * buffer.Length)];
                spool.ReadExactly(buffer, 0, length);
                if (duplicates is not null && duplicates[(int)i])
                {
                    duplicateCount++;
                    continue;
                }
                ReadOnlySpan<byte> text = buffer.AsSpan(0, length);
                bool isValid = IsValid(text, options.ValidRatio);
                writer.Write(text, isValid);
                histogram.Add(Encoding.UTF32.GetByteCount(Encoding.UTF8.GetString(text)) / 4);
                bytes += length;
                if (isValid) valid++;
                else train++;
            }
            RefuseEmpty(reader, filters, train, valid);
            writer.Complete();
        }

        FilterCount[] counts =
        [
            new("invalid utf-8", reader.Documents + Dropped(reader), options.InvalidUtf8 == InvalidUtf8.Replace ? reader.InvalidUtf8Count : 0, options.InvalidUtf8 == InvalidUtf8.Drop ? reader.InvalidUtf8Count : 0),
            new("missing key", reader.Documents + reader.MissingKeyCount, 0, reader.MissingKeyCount),
            .. filters.Select(f => f.Count),
            new("exact duplicates", spooled, 0, duplicateCount),
        ];
        var result = new PrepareResult(options.Output, counts, histogram.Summarize(), train + valid, train, valid, bytes, options);
        AtomicFile.Write(Path.Combine(folder, MetadataName), stream => JsonSerializer.Serialize(stream, result, Metadata.Readable.PrepareResult));
        return result;
    }

    private long Dropped(DocumentReader reader) => reader.MissingKeyCount + (options.InvalidUtf8 == InvalidUtf8.Drop ? reader.InvalidUtf8Count : 0);

    private void RefuseEmpty(DocumentReader reader, IReadOnlyList<TextFilter> filters, long train, long valid)
    {
        if (train > 0) return;
        if (valid > 0)
            throw new InvalidDataException($"All {valid} documents fell to the validation side: give more text or a valid ratio below {options.ValidRatio}.");
        string drops = string.Join(", ", filters.Select(f => f.Count).Where(c => c.Dropped > 0).Select(c => $"{c.Name}: {c.Dropped}"));
        throw new InvalidDataException(reader.Documents == 0
            ? $"The input '{options.Inputs[0]}' holds no document: check the files and the text keys."
            : $"Of {reader.Documents} documents none is left after cleaning ({drops}): loosen the limits, for example a minimum length below {options.MinLength}.");
    }
}
