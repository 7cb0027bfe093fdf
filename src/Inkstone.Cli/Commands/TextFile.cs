using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Cli;

/// <summary>JSON files that verbs take texts from.</summary>
internal static class TextFile
{
    /// <summary>A JSON array of strings.</summary>
    public static IReadOnlyList<string> StringArray(string path)
    {
        try
        {
            if (JsonNode.Parse(File.ReadAllText(path)) is JsonArray array && array.All(n => n?.GetValueKind() == JsonValueKind.String))
            {
                return [.. array.Select(n => n!.GetValue<string>())];
            }
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}:{e.LineNumber + 1}: this is not valid JSON; mend the file");
        }
        throw new InvalidDataException($"{path} must be a JSON array of strings");
    }
}
