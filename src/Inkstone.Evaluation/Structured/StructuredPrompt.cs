using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Evaluation;

/// <summary>A text and the object that is wanted of it.</summary>
/// <param name="Id">its id</param>
/// <param name="Group">extraction, schema_constraint, format_following or what the file says</param>
/// <param name="Instruction">what is asked</param>
/// <param name="Fields">the fields that the prompt shows</param>
/// <param name="Input">the text</param>
/// <param name="Required">fields that have to be there</param>
/// <param name="Allowed">fields that may be there</param>
/// <param name="Types">string, list, string_or_list by field; a field without one is string_or_list</param>
/// <param name="Enums">the only values that a field may have</param>
/// <param name="Gold">the right answer, or null</param>
public sealed record StructuredPrompt(
    string Id,
    string Group,
    string Instruction,
    IReadOnlyList<string> Fields,
    string Input,
    IReadOnlyList<string> Required,
    IReadOnlyList<string> Allowed,
    IReadOnlyDictionary<string, string> Types,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Enums,
    JsonObject? Gold
)
{
    /// <summary>What the user says: instruction, schema and text, as training writes them. The schema is always shown.</summary>
    public string Text => IeTexts.Prompt(Instruction, Fields, Input);

    /// <summary>
    /// What an answer may be, from what the prompt shows: entities with the allowed fields, their types and values. Which fields a text
    /// tells is not given away.
    /// Lengths are bounded, so that an answer ends.
    /// </summary>
    public string JsonSchema()
    {
        JsonObject fields = [];
        foreach (string field in Allowed)
        {
            JsonObject text = Enums.TryGetValue(field, out IReadOnlyList<string>? values)
                ? new JsonObject { ["enum"] = new JsonArray([.. values.Select(v => (JsonNode)v)]) }
                : new JsonObject
                {
                    ["type"] = "string",
                    ["minLength"] = 1,
                    ["maxLength"] = 60,
                };
            JsonObject list = new()
            {
                ["type"] = "array",
                ["items"] = text.DeepClone(),
                ["minItems"] = 1,
                ["maxItems"] = 8,
            };
            fields[field] = Types.GetValueOrDefault(field) switch
            {
                "string" => text,
                "list" => list,
                _ => new JsonObject { ["anyOf"] = new JsonArray(text, list) },
            };
        }
        return new JsonObject
        {
            ["type"] = "object",
            ["minProperties"] = 1,
            ["maxProperties"] = 4,
            ["propertyNames"] = new JsonObject { ["minLength"] = 1, ["maxLength"] = 40 },
            ["additionalProperties"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = fields,
                ["additionalProperties"] = false,
                ["minProperties"] = 1,
            },
        }.ToJsonString();
    }
}
