using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>Reads JSON objects one by one: lines of JSONL, elements of one JSON array, rows of Parquet, Arrow and CSV. One is in memory at
/// a time.</summary>
public static class JsonRecords
{
    /// <summary>The objects of a file, each with its place as a user would look for it.</summary>
    /// <param name="file">JSONL, a JSON array or CSV, as they are or packed by gzip or zstd; Parquet; Arrow</param>
    /// <param name="wanted">keys to read of a Parquet or Arrow file, where it has any of them; the other formats give all</param>
    /// <exception cref="InvalidDataException">A line is no JSON object; the message names it.</exception>
    public static IEnumerable<(string Place, JsonObject Record)> Read(string file, IReadOnlyCollection<string> wanted)
    {
        if (File.Exists(file) && InputFiles.IsParquet(file))
        {
            return ReadParquet(file, wanted);
        }
        if (File.Exists(file) && CsvRows.IsCsv(file))
        {
            return CsvRows.Read(file);
        }
        if (File.Exists(file) && ArrowRows.IsArrow(file))
        {
            return ArrowRows.Read(file, wanted).Select((row, i) => ($"{file}: row {i + 1}", row));
        }
        using InputFile input = new(file);
        return input.Lines.Peek().TrimStart("\uFEFF \t\r\n"u8) is [(byte)'[', ..] ? ReadArray(file) : ReadLines(file);
    }

    private static IEnumerable<(string, JsonObject)> ReadParquet(string file, IReadOnlyCollection<string> wanted)
    {
        using ParquetFile parquet = new(file);
        string[] fields = [.. parquet.Fields.Where(wanted.Contains)];
        long row = 0;
        foreach (JsonObject record in parquet.ReadRows(fields.Length > 0 ? fields : null))
        {
            yield return ($"{file}: row {++row}", record);
        }
    }

    private static IEnumerable<(string, JsonObject)> ReadLines(string file)
    {
        using InputFile input = new(file);
        while (TryReadLine(input.Lines, file, out string place, out JsonObject? record))
        {
            if (record is not null)
            {
                yield return (place, record);
            }
        }
        input.Complete();
    }

    private static bool TryReadLine(LineReader lines, string file, out string place, out JsonObject? record)
    {
        bool any = lines.TryRead(out ReadOnlySpan<byte> line);
        place = $"{file}:{lines.Line}";
        record = null;
        if (!any || line.Trim(" \t"u8).IsEmpty)
        {
            return any;
        }
        if (!Utf8.IsValid(line))
        {
            line = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(line));
        }
        if (line.IndexOf("\\ud"u8) >= 0 || line.IndexOf("\\uD"u8) >= 0)
        {
            line = JsonText.WithoutLoneSurrogates(line);
        }
        try
        {
            record = JsonText.Parse(line) as JsonObject;
        }
        catch (JsonException exception)
        {
            string reason = exception.BytePositionInLine is { } position ? $"it breaks at byte {position + 1}" : exception.Message;
            throw new InvalidDataException($"{place}: the line is no JSON object ({reason}): mend or remove it.", exception);
        }
        return record is not null ? true : throw new InvalidDataException($"{place}: the line is JSON but no object: mend or remove it.");
    }

    private static IEnumerable<(string, JsonObject)> ReadArray(string file)
    {
        using FileStream raw = new(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        using Stream stream = InputFile.Unpacked(raw);
        using IEnumerator<JsonObject?> elements = JsonSerializer
            .DeserializeAsyncEnumerable(stream, Records.Default.JsonObject)
            .ToBlockingEnumerable()
            .GetEnumerator();
        for (long number = 1; TryReadElement(elements, file, number); number++)
        {
            yield return (
                $"{file}: record {number}",
                elements.Current ?? throw new InvalidDataException($"{file}: record {number} is null: remove it.")
            );
        }
    }

    private static bool TryReadElement(IEnumerator<JsonObject?> elements, string file, long number)
    {
        try
        {
            return elements.MoveNext();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            string line = exception is JsonException { LineNumber: { } at } ? $" (line {at + 1})" : "";
            throw new InvalidDataException($"{file}: record {number} cannot be read as a JSON object{line}: mend or remove it.", exception);
        }
    }
}

/// <summary>JSON objects without reflection.</summary>
[JsonSourceGenerationOptions(AllowDuplicateProperties = false)]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(double))]
internal sealed partial class Records : JsonSerializerContext;
