using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Prompts for the structured evaluation from texts that nobody learns: equal numbers by topic, only records whose every head and
/// tail stands in the text.</summary>
internal static class IeEvaluationPrompts
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly string[] Difficulties = ["easy", "medium", "hard"];

    /// <summary>Writes the file, and tells how many there are.</summary>
    public static int Write(string file, IReadOnlyList<IeRecord> heldOut, IeFilter filter, IeRecipe recipe, IeSchema schema)
    {
        ILookup<string, IeRecord> byTopic = heldOut
            .DistinctBy(r => r.TextHash)
            .Where(r => !filter.Reasons(r).Any(reason => reason != "text is held out") && IeFacts.Extract(r, 0).Match == 1)
            .OrderBy(r => IeRecord.HashOf(r.Input, recipe.Seed))
            .ToLookup(r => r.Topic);
        string[] topics = [.. schema.Fields.Keys];
        long[] caps = [.. topics.Select(t => (long)byTopic[t].Count())];
        long[] quotas = Quotas.Divide(Math.Min(recipe.Prompts, caps.Sum()), [.. topics.Select(_ => 1.0)], caps);
        JsonArray prompts = [];
        for (int t = 0; t < topics.Length; t++)
        {
            foreach (IeRecord record in byTopic[topics[t]].Take((int)quotas[t]))
            {
                prompts.Add((JsonNode)Prompt($"ie_{prompts.Count + 1:0000}", record, schema.Fields[topics[t]]));
            }
        }
        JsonObject json = new()
        {
            ["version"] = "1.0",
            ["generation_params"] = new JsonObject
            {
                ["temperature"] = 0,
                ["max_new_tokens"] = 256,
                ["seed"] = recipe.Seed,
            },
            ["system"] = recipe.System,
            ["prompts"] = prompts,
        };
        if (prompts.Count > 0)
        {
            File.WriteAllText(file, json.ToJsonString(Readable) + "\n");
        }
        return prompts.Count;
    }

    private static JsonObject Prompt(string id, IeRecord record, IReadOnlyList<string> fields)
    {
        string[] told = [.. record.Relations.Select(r => r.Name).Distinct()];
        return new JsonObject
        {
            ["id"] = id,
            ["group"] = "extraction",
            ["difficulty"] = Difficulties[IeFacts.Extract(record, 0).Complexity],
            ["topic"] = record.Topic,
            ["instruction"] = IeTexts.Instruction(IeTask.IeExtraction, 0),
            ["schema"] = List(fields),
            ["input"] = record.Input,
            ["gold_output"] = JsonNode.Parse(IeTexts.Json(IeTexts.Answer(record.Relations))),
            ["schema_def"] = new JsonObject
            {
                ["required_fields"] = List(told),
                ["allowed_fields"] = List(fields),
                ["types"] = new JsonObject(fields.Select(f => KeyValuePair.Create(f, (JsonNode?)"string_or_list"))),
            },
            ["rules"] = new JsonObject { ["json_only"] = true, ["allow_extra_text"] = false },
        };
    }

    private static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)t)]);
}
