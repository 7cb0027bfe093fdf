using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>The fields that each topic may have.</summary>
internal sealed class IeSchema
{
    private IeSchema(IReadOnlyDictionary<string, IReadOnlyList<string>> fields) => Fields = fields;

    /// <summary>Fields by topic, both in the order of the file.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Fields { get; }

    /// <summary>
    /// Reads <c>{topic: fields}</c>. Fields are the keys of an object, or the texts of a list; what stands between these, such as the types
    /// of heads and tails, is passed over.
    /// </summary>
    /// <param name="file">JSON</param>
    /// <param name="topics">other names of topics</param>
    /// <exception cref="InvalidDataException">It has another form.</exception>
    public static IeSchema Read(string file, IReadOnlyDictionary<string, string> topics)
    {
        JsonObject? json;
        try
        {
            json = JsonNode.Parse(File.ReadAllBytes(file)) as JsonObject;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{file}: this is no JSON ({fault.Message}): mend it, or name another schema file", fault);
        }
        OrderedDictionary<string, IReadOnlyList<string>> fields = new(StringComparer.Ordinal);
        foreach ((string topic, JsonNode? node) in json ?? [])
        {
            string[] names = node switch
            {
                JsonObject named => [.. named.Select(n => n.Key)],
                JsonArray list =>
                [
                    .. list.OfType<JsonValue>().Where(v => v.GetValueKind() == JsonValueKind.String).Select(v => v.GetValue<string>()),
                ],
                _ => [],
            };
            fields[topics.GetValueOrDefault(topic, topic)] =
                names.Length > 0
                    ? [.. names.Distinct()]
                    : throw new InvalidDataException($"{file}: the topic '{topic}' has no fields; write {{\"{topic}\": [\"field\", …]}}");
        }
        return fields.Count > 0
            ? new IeSchema(fields)
            : throw new InvalidDataException($"{file}: the file must be an object of topics with their fields; it is something else");
    }
}
