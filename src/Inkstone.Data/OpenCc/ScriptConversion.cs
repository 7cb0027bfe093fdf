using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>What <see cref="ScriptConversion"/> has done.</summary>
/// <param name="Converted">false: the input was in the wanted script already and was copied</param>
/// <param name="Records">lines of a text file, or records of a JSONL file</param>
/// <param name="Changed">those that changed; of a text file it is not counted</param>
/// <param name="InputBytes">read, after unpacking</param>
/// <param name="OutputBytes">written</param>
/// <param name="Conversions">all that the output has been through</param>
public sealed record ScriptConversionResult(
    bool Converted,
    long Records,
    long Changed,
    long InputBytes,
    long OutputBytes,
    IReadOnlyList<AppliedConversion> Conversions
);

/// <summary>Converts a file: text of any length piece by piece, or chosen fields of JSON records. Results do not depend on the number of
/// threads.</summary>
public sealed class ScriptConversion(ScriptConverter converter)
{
    private const int PieceSize = 1 << 20,
        BatchSize = 256;
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Threads that convert.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Converts a text file, gzipped or not, to a text file; everything else in it stays byte for byte.</summary>
    /// <exception cref="InvalidDataException">The input is no valid UTF-8.</exception>
    public ScriptConversionResult ConvertText(
        string input,
        string output,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default
    )
    {
        Tally tally = new(input, converter);
        AppliedConversions.Write(
            output,
            tally.After,
            to =>
            {
                using FileStream raw = new(input, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
                Stream from = InputFile.Unpacked(raw);
                OrderedWork.Run(
                    Pieces(from),
                    piece => (piece.Bytes.Length, piece.Lines, tally.IsDone ? piece.Bytes : Convert(piece.Bytes, input, piece.FirstLine)),
                    piece =>
                    {
                        (tally.InputBytes, tally.Records, tally.OutputBytes) = (
                            tally.InputBytes + piece.Length,
                            tally.Records + piece.Lines,
                            tally.OutputBytes + piece.Item3.Length
                        );
                        to.Write(piece.Item3);
                        progress?.Report((double)raw.Position / Math.Max(1, raw.Length));
                    },
                    Threads,
                    cancellation
                );
                if (from is GZipStream)
                {
                    GzipEnd.Check(raw, tally.InputBytes, input);
                }
            }
        );
        return tally.Result;
    }

    /// <summary>
    /// Converts every text in the named fields of JSON records (JSONL, a JSON array, Parquet) and writes JSONL. A field <c>keep</c>, as
    /// <c>ink data wiki</c> writes
    /// it, names parts of <c>text</c> that stay as they are.
    /// </summary>
    /// <exception cref="InvalidDataException">A line is no JSON object, or no record has any of the fields.</exception>
    public ScriptConversionResult ConvertRecords(
        string input,
        string output,
        IReadOnlyCollection<string> fields,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default
    )
    {
        Tally tally = new(input, converter) { InputBytes = new FileInfo(input).Length };
        bool anyField = false;
        AppliedConversions.Write(
            output,
            tally.After,
            to =>
            {
                OrderedWork.Run(JsonRecords.Read(input, []).Chunk(BatchSize), Work, Take, Threads, cancellation);
                if (!anyField && tally.Records > 0)
                {
                    throw new InvalidDataException($"{input}: no record has a field {string.Join(" or ", fields)}: name the right one.");
                }

                void Take((byte[] Lines, int Records, int Changed, bool Found) batch)
                {
                    (tally.Records, tally.Changed, tally.OutputBytes) = (
                        tally.Records + batch.Records,
                        tally.Changed + batch.Changed,
                        tally.OutputBytes + batch.Lines.Length
                    );
                    anyField |= batch.Found;
                    to.Write(batch.Lines);
                    progress?.Report(Math.Min(1, (double)tally.OutputBytes / Math.Max(1, tally.InputBytes)));
                }
            }
        );
        return tally.Result;

        (byte[], int, int, bool) Work((string Place, JsonObject Record)[] batch)
        {
            using MemoryStream lines = new();
            int changed = 0;
            bool found = false;
            foreach ((_, JsonObject record) in batch)
            {
                found |= fields.Any(record.ContainsKey);
                if (!tally.IsDone && Convert(record, fields))
                {
                    changed++;
                }
                using (Utf8JsonWriter writer = new(lines, Relaxed))
                {
                    record.WriteTo(writer);
                }
                lines.WriteByte((byte)'\n');
            }
            return (lines.ToArray(), batch.Length, changed, found);
        }
    }

    private bool Convert(JsonObject record, IReadOnlyCollection<string> fields)
    {
        bool changed = false;
        foreach (string field in fields)
        {
            if (!record.TryGetPropertyValue(field, out JsonNode? value) || value is null)
            {
                continue;
            }
            if (
                field == KeptText.TextField
                && record[KeptText.Field] is JsonArray kept
                && value is JsonValue one
                && one.TryGetValue(out string? text)
            )
            {
                string converted = converter.Convert(text, KeptText.Read(kept, text), out IReadOnlyList<TextSpan> moved);
                changed |= converted != text;
                record[field] = converted;
                record[KeptText.Field] = KeptText.Write(converted, moved);
            }
            else
            {
                changed |= Convert(value);
            }
        }
        return changed;
    }

    /// <summary>Converts each text below a node; names of members stay.</summary>
    private bool Convert(JsonNode node)
    {
        bool changed = false;
        switch (node)
        {
            case JsonObject members:
                foreach ((_, JsonNode? member) in members.ToArray())
                {
                    changed |= member is not null && Convert(member);
                }
                break;
            case JsonArray elements:
                foreach (JsonNode? element in elements.ToArray())
                {
                    changed |= element is not null && Convert(element);
                }
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                string text = value.GetValue<string>(),
                    converted = converter.Convert(text);
                changed = !ReferenceEquals(text, converted);
                if (changed && node.Parent is JsonObject holder)
                {
                    holder[node.GetPropertyName()] = converted;
                }
                else if (changed && node.Parent is JsonArray list)
                {
                    list[node.GetElementIndex()] = converted;
                }
                break;
        }
        return changed;
    }

    private byte[] Convert(byte[] bytes, string file, long line)
    {
        if (!Utf8.IsValid(bytes))
        {
            foreach (Range each in bytes.AsSpan().Split((byte)'\n'))
            {
                if (!Utf8.IsValid(bytes.AsSpan(each)))
                {
                    break;
                }
                line++;
            }
            throw new InvalidDataException(
                $"{file}:{line}: the line is no valid UTF-8: convert the file, for example with iconv -f GB18030 -t UTF-8."
            );
        }
        string text = Encoding.UTF8.GetString(bytes),
            converted = converter.Convert(text);
        return ReferenceEquals(text, converted) ? bytes : Encoding.UTF8.GetBytes(converted);
    }

    /// <summary>Runs of whole lines of about the same size; no key of a dictionary holds a line end.</summary>
    private static IEnumerable<(byte[] Bytes, long FirstLine, int Lines)> Pieces(Stream stream)
    {
        byte[] buffer = new byte[PieceSize];
        long line = 1;
        for (int length = 0, read = 1; read > 0; )
        {
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, checked(2 * length));
            }
            read = stream.ReadAtLeast(buffer.AsSpan(length), buffer.Length - length, throwOnEndOfStream: false);
            length += read;
            int end = read == 0 ? length : buffer.AsSpan(0, length).LastIndexOf((byte)'\n') + 1;
            if (end == 0)
            {
                continue;
            }
            byte[] piece = buffer[..end];
            int lines = piece.AsSpan().Count((byte)'\n') + (piece[^1] == '\n' ? 0 : 1);
            yield return (piece, line, lines);
            line += lines;
            buffer.AsSpan(end, length - end).CopyTo(buffer);
            length -= end;
        }
    }

    /// <summary>Counts of a conversion, which is none where the input has the wanted script already.</summary>
    private sealed class Tally
    {
        public Tally(string input, ScriptConverter converter)
        {
            if (!File.Exists(input))
            {
                throw new FileNotFoundException($"there is no file '{input}': check the path.", input);
            }
            IReadOnlyList<AppliedConversion> before = AppliedConversions.Find(input);
            IsDone = AppliedConversions.Reach(before, converter.Configuration);
            After = IsDone ? before : [.. before, new AppliedConversion(converter.Configuration, converter.Fingerprint)];
        }

        public bool IsDone { get; }
        public IReadOnlyList<AppliedConversion> After { get; }
        public long Records { get; set; }
        public long Changed { get; set; }
        public long InputBytes { get; set; }
        public long OutputBytes { get; set; }
        public ScriptConversionResult Result => new(!IsDone, Records, Changed, InputBytes, OutputBytes, After);
    }
}
