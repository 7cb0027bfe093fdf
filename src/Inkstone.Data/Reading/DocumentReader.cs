using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>
/// Reads documents one by one from JSONL, JSON arrays, CSV and plain text files, as they are or packed, and from Parquet and Arrow files;
/// memory holds one
/// document at a time (of Parquet one page, of Arrow one record batch).
/// </summary>
public sealed class DocumentReader(ReadOptions options)
{
    private const int LongestDocument = 1 << 28;
    private readonly IReadOnlyList<string> _keys = options.TextKeys is { Count: > 0 } keys ? keys : ["text"];

    /// <summary>Documents read and given out.</summary>
    public long Documents { get; private set; }

    /// <summary>Lines or documents with invalid UTF-8, whatever happened to them.</summary>
    public long InvalidUtf8Count { get; private set; }

    /// <summary>JSONL lines and Parquet rows left out because a key was missing.</summary>
    public long MissingKeyCount { get; private set; }

    /// <summary>Bytes of finished files and of the current one (compressed bytes where gzipped).</summary>
    public long BytesRead { get; private set; }

    /// <summary>The documents of the files in order.</summary>
    /// <exception cref="InvalidDataException">Something in a file is not what it should be; the message names file and line or
    /// row.</exception>
    public IEnumerable<Document> Read(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            long before = BytesRead;
            if (File.Exists(file) && InputFiles.IsParquet(file))
            {
                using ParquetFile parquet = new(file);
                long length = new FileInfo(file).Length;
                foreach (Document document in ReadParquet(parquet, file))
                {
                    BytesRead = before + (long)((double)document.Line / Math.Max(document.Line, parquet.RowCount) * length);
                    Documents++;
                    yield return document;
                }
                BytesRead = before + length;
                continue;
            }
            if (File.Exists(file) && (InputFiles.IsTable(file) || InputFiles.IsJsonLines(file) && IsJsonArray(file)))
            {
                foreach (Document document in ReadRecords(file))
                {
                    Documents++;
                    yield return document;
                }
                BytesRead = before + new FileInfo(file).Length;
                continue;
            }
            using InputFile input = new(file);
            LineReader lines = input.Lines;
            foreach (Document document in InputFiles.IsJsonLines(file) ? ReadJsonLines(lines, file) : ReadPlainText(lines, file))
            {
                BytesRead = before + input.Position;
                Documents++;
                yield return document;
            }
            input.Complete();
            BytesRead = before + input.Position;
        }
    }

    private IEnumerable<Document> ReadJsonLines(LineReader lines, string file)
    {
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (line.Trim(" \t"u8).IsEmpty)
            {
                continue;
            }
            string? text = ReadJsonLine(line, file, lines.Line, out double? score);
            if (text is not null)
            {
                yield return new Document(file, lines.Line, text, score);
            }
        }
    }

    private string? ReadJsonLine(ReadOnlySpan<byte> line, string file, long number, out double? score)
    {
        score = null;
        try
        {
            if (!Utf8.IsValid(line))
            {
                if (!MayReplace($"{file}:{number}: the line"))
                {
                    return null;
                }
                line = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(line));
            }
            string? text;
            string? missingKey;
            try
            {
                text = JsonText.Read(line, _keys, options.ScoreKey, out missingKey, out score);
            }
            catch (JsonException) when (JsonText.WithQuotedNumbers(line) is { } quoted)
            {
                text = JsonText.Read(quoted, _keys, options.ScoreKey, out missingKey, out score);
            }
            catch (InvalidOperationException)
            {
                if (!MayReplace($"{file}:{number}: the line"))
                {
                    return null;
                }
                text = JsonText.Read(JsonText.WithoutLoneSurrogates(line), _keys, options.ScoreKey, out missingKey, out score);
            }
            if (text is not null)
            {
                return text;
            }

            if (options.MissingKey == MissingKey.Fail)
            {
                throw new InvalidDataException(
                    $"{file}:{number}: there is no key '{missingKey}' but {JsonText.Keys(line)}: {options.KeyAdvice}."
                );
            }
            MissingKeyCount++;
            return null;
        }
        catch (JsonException exception)
        {
            string reason = exception.BytePositionInLine is { } position ? $"it breaks at byte {position + 1}" : exception.Message;
            throw new InvalidDataException(
                $"{file}:{number}: the line is no JSON object with text ({reason}): mend or remove it.",
                exception
            );
        }
    }

    private static bool IsJsonArray(string file)
    {
        using InputFile input = new(file);
        return input.Lines.Peek().TrimStart("\uFEFF \t\r\n"u8) is [(byte)'[', ..];
    }

    private IEnumerable<Document> ReadRecords(string file)
    {
        long row = 0;
        foreach ((string place, JsonObject record) in JsonRecords.Read(file, _keys as IReadOnlyCollection<string>))
        {
            row++;
            string?[] parts = new string?[_keys.Count];
            for (int i = 0; i < parts.Length; i++)
            {
                parts[i] = Text(record[_keys[i]], _keys[i], file, row);
            }
            int missing = Array.IndexOf(parts, null);
            if (missing < 0)
            {
                yield return new Document(file, row, string.Join('\n', parts));
            }
            else if (options.MissingKey == MissingKey.Skip)
            {
                MissingKeyCount++;
            }
            else
            {
                throw new InvalidDataException(
                    $"{place}: there is no '{_keys[missing]}' but {string.Join(", ", record.Select(p => p.Key))}: {options.KeyAdvice}."
                );
            }
        }
    }

    private IEnumerable<Document> ReadParquet(ParquetFile parquet, string file)
    {
        string? absent = _keys.FirstOrDefault(key => !parquet.Fields.Contains(key));
        if (absent is not null && options.MissingKey == MissingKey.Fail)
        {
            throw new InvalidDataException(
                $"{file}: there is no field '{absent}': {options.KeyAdvice}, of {string.Join(", ", parquet.Fields)}."
            );
        }
        if (absent is not null)
        {
            MissingKeyCount += parquet.RowCount;
            yield break;
        }
        if (_keys.FirstOrDefault(parquet.HoldsBytes) is { } bytes)
        {
            throw new InvalidDataException($"{file}: the field '{bytes}' holds bytes that are declared to be no text: name another one.");
        }
        long row = 0,
            invalid = 0;
        string[] fields =
        [
            .. _keys,
            .. options.ScoreKey is { } key && parquet.Fields.Contains(key) && !_keys.Contains(key) ? new[] { key } : [],
        ];
        foreach (JsonObject values in parquet.ReadRows(fields))
        {
            row++;
            bool isInvalid = parquet.InvalidTexts > invalid;
            invalid = parquet.InvalidTexts;
            string?[] parts = new string?[_keys.Count];
            for (int i = 0; i < parts.Length; i++)
            {
                parts[i] = Text(values[_keys[i]], _keys[i], file, row);
            }
            int missing = Array.IndexOf(parts, null);
            if (missing >= 0 && options.MissingKey == MissingKey.Fail)
            {
                throw new InvalidDataException(
                    $"{file}: row {row}: the field '{_keys[missing]}' is null: mend the file, or {options.KeyAdvice}."
                );
            }
            if (missing >= 0)
            {
                MissingKeyCount++;
            }
            else if (!isInvalid || MayReplace($"{file}: row {row}: the text"))
            {
                yield return new Document(file, row, string.Join('\n', parts), Score(values));
            }
        }
    }

    private double? Score(JsonObject values) =>
        options.ScoreKey is { } key && values[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            ? value.Deserialize(Records.Default.Double)
            : null;

    private static string? Text(JsonNode? value, string field, string file, long row) =>
        value switch
        {
            null => null,
            JsonValue one when one.TryGetValue(out string? text) => text,
            JsonArray list when list.All(e => e is JsonValue v && v.GetValueKind() == JsonValueKind.String) => string.Join(
                '\n',
                list.Select(e => e!.GetValue<string>())
            ),
            _ => throw new InvalidDataException(
                $"{file}: row {row}: the field '{field}' is neither a text nor a list of texts: name another one."
            ),
        };

    private IEnumerable<Document> ReadPlainText(LineReader lines, string file)
    {
        StringBuilder text = new();
        bool isDropped = false;
        long first = 1;
        while (TryReadText(lines, file, ref isDropped, out string line))
        {
            if (options.Separator is { } separator && line.AsSpan().Trim().SequenceEqual(separator))
            {
                if (!isDropped && text.Length > 0)
                {
                    yield return new Document(file, first, text.ToString());
                }
                text.Clear();
                isDropped = false;
                first = lines.Line + 1;
                continue;
            }
            if (text.Length > LongestDocument)
            {
                throw new InvalidDataException(
                    $"{file}:{first}: the document is longer than {LongestDocument} characters: name the line that separates documents."
                );
            }
            if (lines.Line > first)
            {
                text.Append('\n');
            }
            text.Append(line);
        }
        if (!isDropped && text.Length > 0)
        {
            yield return new Document(file, first, text.ToString());
        }
    }

    private bool TryReadText(LineReader lines, string file, ref bool isDropped, out string line)
    {
        bool any = lines.TryRead(out ReadOnlySpan<byte> bytes);
        if (!Utf8.IsValid(bytes) && !MayReplace($"{file}:{lines.Line}: the line"))
        {
            isDropped = true;
        }
        line = Encoding.UTF8.GetString(bytes);
        return any;
    }

    private bool MayReplace(string place)
    {
        InvalidUtf8Count++;
        if (options.InvalidUtf8 == InvalidUtf8.Fail)
        {
            throw new InvalidDataException($"{place} is no valid UTF-8: convert the file, or let bad text be replaced or dropped.");
        }
        return options.InvalidUtf8 == InvalidUtf8.Replace;
    }
}
