using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Cli;

/// <summary>JSON files that verbs take texts from.</summary>
internal static class TextFile
{
    /// <summary>A JSON array of strings.</summary>
    public static IReadOnlyList<string> StringArray(string path)
    {
        JsonElement array = Array(path);
        return array.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String) ? [.. array.EnumerateArray().Select(n => n.GetString()!)]
            : throw new InvalidDataException($"{path} must be a JSON array of strings");
    }

    /// <summary>One text key of every line of a JSONL file.</summary>
    public static IReadOnlyList<string> Field(string path, string key)
    {
        List<string> texts = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                texts.Add(Parse(line, path, number) is JsonObject o && o[key] is JsonValue value && value.TryGetValue(out string? text) ? text
                    : throw new InvalidDataException($"{path}:{number}: there is no text under '{key}'; name another key with --field"));
            }
        }
        return texts;
    }

    /// <summary>A JSON array of anything.</summary>
    public static JsonElement Array(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
            return document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement.Clone() : throw new InvalidDataException($"{path} must be a JSON array");
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException(Path.GetExtension(path) is ".jsonl" or ".ndjson" ? $"{path} is JSONL, where a file with one JSON array is wanted"
                : $"{path}:{1 + (fault.LineNumber ?? 0)}: this is not valid JSON; mend the file", fault);
        }
    }

    private static JsonNode? Parse(string json, string path, int line)
    {
        try
        {
            return JsonNode.Parse(json);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}:{line + (e.LineNumber ?? 0)}: this is not valid JSON; mend the file");
        }
    }
}
