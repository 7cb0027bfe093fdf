using System.Text.Json;
using Inkstone.Formats;

namespace Inkstone.Cli;

/// <summary>JSON files that verbs take texts from.</summary>
internal static class TextFile
{
    /// <summary>A JSON array of strings.</summary>
    public static IReadOnlyList<string> StringArray(string path)
    {
        JsonElement array = Array(path);
        return array.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String)
            ? [.. array.EnumerateArray().Select(n => n.GetString()!)]
            : throw new InvalidDataException($"{path} must be a JSON array of strings");
    }

    /// <summary>A JSON array of anything.</summary>
    public static JsonElement Array(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
            JsonUnicode.Check(document.RootElement, path);
            return document.RootElement.ValueKind == JsonValueKind.Array
                ? document.RootElement.Clone()
                : throw new InvalidDataException($"{path} must be a JSON array");
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException(
                Path.GetExtension(path) is ".jsonl" or ".ndjson"
                    ? $"{path} is JSONL, where a file with one JSON array is wanted"
                    : $"{path}:{1 + (fault.LineNumber ?? 0)}: this is not valid JSON; mend the file",
                fault
            );
        }
    }
}
