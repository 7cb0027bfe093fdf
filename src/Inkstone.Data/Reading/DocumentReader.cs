using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>
/// Reads documents one by one from JSONL and plain text files, gzipped or not; memory holds one document at a time.
/// </summary>
public sealed class DocumentReader(ReadOptions options)
{
    private const int LongestDocument = 1 << 28;
    private readonly IReadOnlyList<string> _keys = options.TextKeys is { Count: > 0 } keys ? keys : ["text"];

    /// <summary>Documents read and given out.</summary>
    public long Documents { get; private set; }

    /// <summary>Lines or documents with invalid UTF-8, whatever happened to them.</summary>
    public long InvalidUtf8Count { get; private set; }

    /// <summary>JSONL lines left out because a key was missing.</summary>
    public long MissingKeyCount { get; private set; }

    /// <summary>Bytes of finished files and of the current one (compressed bytes where gzipped).</summary>
    public long BytesRead { get; private set; }

    /// <summary>The documents of the files in order.</summary>
    /// <exception cref="InvalidDataException">Something in a file is not what it should be; the message names file and line.</exception>
    public IEnumerable<Document> Read(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            long before = BytesRead;
            using FileStream raw = Open(file);
            using Stream stream = IsGzip(raw) ? new GZipStream(raw, CompressionMode.Decompress) : raw;
            var lines = new LineReader(stream, file);
            RefuseBinary(lines.Peek(), file);
            foreach (Document document in InputFiles.IsJsonLines(file) ? ReadJsonLines(lines, file) : ReadPlainText(lines, file))
            {
                BytesRead = before + raw.Position;
                Documents++;
                yield return document;
            }
            if (stream != raw) GzipEnd.Check(raw, lines.BytesRead, file);
            BytesRead = before + raw.Length;
        }
    }

    private IEnumerable<Document> ReadJsonLines(LineReader lines, string file)
    {
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (line.Trim(" \t"u8).IsEmpty) continue;
            string? text = ReadJsonLine(line, file, lines.Line);
            if (text is not null) yield return new Document(file, lines.Line, text);
        }
    }

    private string? ReadJsonLine(ReadOnlySpan<byte> line, string file, long number)
    {
        try
        {
            if (!Utf8.IsValid(line))
            {
                if (!MayReplace(file, number)) return null;
                line = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(line));
            }
            string? text;
            string? missingKey;
            try
            {
                text = JsonText.Read(line, _keys, out missingKey);
            }
            catch (InvalidOperationException)
            {
                if (!MayReplace(file, number)) return null;
                text = JsonText.Read(JsonText.WithoutLoneSurrogates(line), _keys, out missingKey);
            }
            if (text is not null) return text;

            if (options.MissingKey == MissingKey.Fail)
                throw new InvalidDataException($"{file}:{number}: there is no key '{missingKey}': name the right keys, or let lines without it be skipped.");
            MissingKeyCount++;
            return null;
        }
        catch (JsonException exception)
        {
            string reason = exception.BytePositionInLine is { } position ? $"it breaks at byte {position + 1}" : exception.Message;
            throw new InvalidDataException($"{file}:{number}: the line is no JSON object with text ({reason}): mend or remove it.", exception);
        }
    }

    private IEnumerable<Document> ReadPlainText(LineReader lines, string file)
    {
        var text = new StringBuilder();
        bool isDropped = false;
        long first = 1;
        while (TryReadText(lines, file, ref isDropped, out string line))
        {
            if (options.Separator is { } separator && line.AsSpan().Trim().SequenceEqual(separator))
            {
                if (!isDropped && text.Length > 0) yield return new Document(file, first, text.ToString());
                text.Clear();
                isDropped = false;
                first = lines.Line + 1;
                continue;
            }
            if (text.Length > LongestDocument)
                throw new InvalidDataException($"{file}:{first}: the document is longer than {LongestDocument} characters: name the line that separates documents.");
            if (lines.Line > first) text.Append('\n');
            text.Append(line);
        }
        if (!isDropped && text.Length > 0) yield return new Document(file, first, text.ToString());
    }

    private bool TryReadText(LineReader lines, string file, ref bool isDropped, out string line)
    {
        bool any = lines.TryRead(out ReadOnlySpan<byte> bytes);
        if (!Utf8.IsValid(bytes) && !MayReplace(file, lines.Line)) isDropped = true;
        line = Encoding.UTF8.GetString(bytes);
        return any;
    }

    private bool MayReplace(string file, long number)
    {
        InvalidUtf8Count++;
        if (options.InvalidUtf8 == InvalidUtf8.Fail)
            throw new InvalidDataException($"{file}:{number}: the line is no valid UTF-8: convert the file, or let bad text be replaced or dropped.");
        return options.InvalidUtf8 == InvalidUtf8.Replace;
    }

    private static FileStream Open(string file)
    {
        if (!File.Exists(file)) throw new FileNotFoundException($"There is no file '{file}': check the path.", file);
        return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
    }

    private static bool IsGzip(FileStream raw)
    {
        Span<byte> magic = stackalloc byte[2];
        int read = raw.ReadAtLeast(magic, 2, throwOnEndOfStream: false);
        raw.Position = 0;
        return read == 2 && magic is [0x1F, 0x8B];
    }

    /// <summary>No text holds zero bytes, and text in UTF-8 is not full of bytes that UTF-8 never has.</summary>
    private static void RefuseBinary(ReadOnlySpan<byte> start, string file)
    {
        int zero = start.IndexOf((byte)0);
        if (zero >= 0)
            throw new InvalidDataException($"The file '{file}' is binary (a zero byte at offset {zero}), not text: leave it out or convert it to UTF-8.");

        int invalid = 0;
        for (ReadOnlySpan<byte> rest = start; rest.Length > 4;)
        {
            if (Rune.DecodeFromUtf8(rest, out _, out int length) != System.Buffers.OperationStatus.Done) invalid += length;
            rest = rest[length..];
        }
        if (invalid > start.Length * 3L / 10)
            throw new InvalidDataException($"The file '{file}' is not in UTF-8 ({invalid} of its first {start.Length} bytes cannot be): convert it, for example with iconv -f GB18030 -t UTF-8.");
    }
}
