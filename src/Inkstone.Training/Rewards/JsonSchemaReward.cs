using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Inkstone.Training;

/// <summary>1 where the answer is JSON of a schema, else 0. The schema is a file's, or each record's own.</summary>
internal static class JsonSchemaReward
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string? file = s.Text("schema"),
            field = s.Text("field", file is null ? "schema" : null);
        return _ =>
        {
            JsonSchema? common = null;
            if (file is not null)
            {
                string text = File.Exists(file)
                    ? File.ReadAllText(file)
                    : throw new FileNotFoundException($"the schema {file} of a reward does not exist; name a file with a JSON Schema");
                common = Parse(text, out string? fault) ?? throw new InvalidDataException($"{file} is no JSON Schema ({fault}); mend it");
            }
            Dictionary<string, JsonSchema?> known = new(StringComparer.Ordinal);
            return new EachReward(a =>
                common is not null ? Judge(common, a)
                : a.Wanted(field!) is { } own && Known(own) is { } schema ? Judge(schema, a)
                : null
            );

            // A record whose schema is none says nothing of its answers.
            JsonSchema? Known(string text) =>
                known.TryGetValue(text, out JsonSchema? schema) ? schema : known[text] = Parse(text, out string? _);
        };
    }

    private static double Judge(JsonSchema schema, JudgedAnswer answer)
    {
        if (!JsonAnswer.TryParse(answer.Said, out JsonNode? node))
        {
            return 0;
        }
        using JsonDocument document = JsonDocument.Parse(node?.ToJsonString() ?? "null");
        return schema.Evaluate(document.RootElement).IsValid ? 1 : 0;
    }

    /// <summary>The schema of a text; null where it is none. A first evaluation finds references that lead nowhere.</summary>
    private static JsonSchema? Parse(string text, out string? fault)
    {
        try
        {
            fault = null;
            JsonSchema schema = JsonSchema.FromText(text, new BuildOptions { SchemaRegistry = new SchemaRegistry() });
            using JsonDocument nothing = JsonDocument.Parse("{}");
            _ = schema.Evaluate(nothing.RootElement);
            return schema;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            fault = e.Message.ReplaceLineEndings(" ");
            return null;
        }
    }
}
