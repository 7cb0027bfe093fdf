using System.Text.Json.Nodes;

namespace Inkstone.Training;

/// <summary>
/// What the keys of recipes mean, for the schemas: lines of keys.tsv, which are the path of a key (behind a kind and a colon where the key means
/// something else there), the member whose XML comment the sentence is (or -), and the sentence.
/// </summary>
internal static class KeyDescriptions
{
    /// <summary>A line of keys.tsv.</summary>
    /// <param name="Member">type and member that say the same in their XML comment, or -</param>
    /// <param name="Text">the sentence</param>
    internal readonly record struct Line(string Member, string Text);

    /// <summary>All lines, by their first column.</summary>
    internal static IReadOnlyDictionary<string, Line> All()
    {
        using Stream stream = typeof(KeyDescriptions).Assembly.GetManifestResourceStream("Inkstone.Training.keys.tsv")!;
        using StreamReader reader = new(stream);
        return reader
            .ReadToEnd()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t'))
            .ToDictionary(columns => columns[0], columns => new Line(columns[1], columns[2]), StringComparer.Ordinal);
    }

    /// <summary>Adds to every key of a schema what it means.</summary>
    internal static void Describe(JsonObject schema, string kind) => Describe(schema, kind, "", All());

    private static void Describe(JsonObject schema, string kind, string path, IReadOnlyDictionary<string, Line> lines)
    {
        IEnumerable<KeyValuePair<string, JsonNode?>> keys = schema["properties"] as JsonObject ?? [];
        if (schema["additionalProperties"] is JsonObject others)
        {
            keys = keys.Append(new("*", others));
        }
        foreach ((string name, JsonNode? node) in keys)
        {
            string key = path.Length == 0 ? name : path + "." + name;
            JsonObject own = node!.AsObject();
            Describe(own, kind, key, lines);
            if (lines.TryGetValue($"{kind}:{key}", out Line line) || lines.TryGetValue(key, out line))
            {
                own.Insert(0, "description", line.Text);
            }
        }
    }
}
