using System.Text.Json.Nodes;

namespace Inkstone.Chat;

/// <summary>An answer that must be a call: how it begins, what must follow, and whether the name is given.</summary>
internal sealed record ForcedCall(string Prefill, AnswerConstraint Constraint, string? Name)
{
    /// <summary>Keywords that may speak of further parameters.</summary>
    private static readonly string[] OfProperties =
    [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "$ref",
    ];

    /// <summary>Of one named tool, or of any of them.</summary>
    public static ForcedCall Create(ToolForm form, JsonArray tools, string? name)
    {
        JsonObject[] functions = [.. tools.Select(tool => tool!["function"]!.AsObject())];
        if (name is null && functions.Length == 1)
        {
            name = (string?)functions[0]["name"];
        }
        if (name is not null)
        {
            JsonObject function =
                functions.FirstOrDefault(f => (string?)f["name"] == name)
                ?? throw new ArgumentException($"tool_choice names the function {name}, which is not among the tools.");
            string quoted = ((JsonNode)name).ToJsonString(ChatJson.Readable);
            string before =
                form.Name == "deepseek"
                    ? $"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n"
                    : $"{form.Prefill}{{\"name\": {quoted}, \"{form.ArgumentsKey}\": ";
            return new(before, new AnswerConstraint.Schema(Parameters(function).ToJsonString()) { Compact = true }, name);
        }
        return new(form.Prefill, new AnswerConstraint.Schema(AnyCall(form, functions)) { Compact = true }, null);
    }

    /// <summary>What holds the calls of a model that calls if it likes; null where its form is no JSON between two markers.</summary>
    public static AnswerConstraint? Optional(ToolForm form, JsonArray tools, string? template) =>
        form.Name == "hermes" && template?.Contains("<function=", StringComparison.Ordinal) != true
            ? new AnswerConstraint.Calls(
                form.Opens[0],
                form.Closes[0],
                AnyCall(form, [.. tools.Select(tool => tool!["function"]!.AsObject())])
            )
            : null;

    /// <summary>The schema of an object with the name of a tool and arguments for it.</summary>
    private static string AnyCall(ToolForm form, JsonObject[] functions)
    {
        JsonArray calls = [];
        JsonObject definitions = [];
        foreach (JsonObject function in functions)
        {
            // Definitions of a tool's own schema are found from the root of the whole one.
            JsonObject parameters = Parameters(function);
            foreach (string key in (string[])["$defs", "definitions"])
            {
                if (parameters[key] is JsonObject defs)
                {
                    parameters.Remove(key);
                    JsonObject all = definitions[key] as JsonObject ?? [];
                    foreach ((string def, JsonNode? schema) in defs)
                    {
                        all[def] = schema?.DeepClone();
                    }
                    definitions[key] = all.Parent is null ? all : all.DeepClone();
                }
            }
            calls.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["type"] = "object",
                        ["properties"] = new JsonObject
                        {
                            ["name"] = new JsonObject { ["const"] = function["name"]?.DeepClone() },
                            [form.ArgumentsKey] = parameters,
                        },
                        ["required"] = new JsonArray("name", form.ArgumentsKey),
                        ["additionalProperties"] = false,
                    }
            );
        }
        definitions["anyOf"] = calls;
        return definitions.ToJsonString();
    }

    /// <summary>A function takes the parameters that it names, and an empty object where it names none, unless its schema says
    /// more.</summary>
    private static JsonObject Parameters(JsonObject function)
    {
        JsonObject schema = function["parameters"] is JsonObject given ? given.DeepClone().AsObject() : [];
        if (
            !schema.ContainsKey("type")
            && !schema.ContainsKey("anyOf")
            && !schema.ContainsKey("$ref")
            && !schema.ContainsKey("oneOf")
            && !schema.ContainsKey("allOf")
        )
        {
            schema["type"] = "object";
        }
        if (
            !schema.Any(m => OfProperties.Contains(m.Key))
            && schema["type"] is JsonValue type
            && type.TryGetValue(out string? kind)
            && kind == "object"
            && (schema["required"] as JsonArray ?? []).All(name =>
                name is JsonValue v
                && v.TryGetValue(out string? needed)
                && (schema["properties"] as JsonObject)?.ContainsKey(needed) == true
            )
        )
        {
            schema["additionalProperties"] = false;
        }
        schema.Remove("$schema");
        return schema;
    }
}
