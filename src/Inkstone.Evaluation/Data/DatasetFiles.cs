using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Rows of files, whatever their format.</summary>
internal static class DatasetFiles
{
    public static readonly string[] Extensions = [".jsonl", ".json", ".parquet", ".csv", ".tsv", ".txt", ".jsonl.gz", ".json.gz"];

    /// <summary>A split that lies in one file or several.</summary>
    /// <param name="files">the files, in order</param>
    /// <param name="field">of a JSON document, the member that holds the rows</param>
    /// <param name="delimiter">of CSV, where it is no comma</param>
    public static Dataset Read(IReadOnlyList<string> files, string? field = null, string? delimiter = null)
    {
        if (files.All(f => Path.GetExtension(f) is ".csv" or ".tsv"))
        {
            Dataset[] tables =
            [
                .. files.Select(f =>
                    CsvTable.Read(
                        File.ReadAllText(f),
                        delimiter is [char given] ? given
                            : Path.GetExtension(f) == ".tsv" ? '\t'
                            : ','
                    )
                ),
            ];
            return tables.Length == 1 ? tables[0] : Dataset.FromRows([.. tables.SelectMany(t => t.Rows)]);
        }
        return Dataset.FromRows([.. files.SelectMany(f => Rows(f, field))]);
    }

    private static IEnumerable<Value> Rows(string file, string? field)
    {
        if (Path.GetExtension(file) == ".txt")
        {
            return File.ReadLines(file).Select(line => PythonValues.Dict(("text", new StringValue(line))));
        }
        if (field is not null)
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.TryGetProperty(field, out JsonElement rows) && rows.ValueKind == JsonValueKind.Array
                ? [.. rows.EnumerateArray().Select(JsonValues.FromJson)]
                : throw new InvalidDataException($"{file} has no list '{field}'.");
        }
        return JsonRecords.Read(file, []).Select(r => JsonValues.FromJson((JsonNode)r.Record));
    }
}
