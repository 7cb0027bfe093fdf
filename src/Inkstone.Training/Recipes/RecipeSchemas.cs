using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>
/// JSON Schemas of recipes and pipelines, so that editors complete them. They are what the readers of recipes ask for: a recipe with every
/// section is read, and what was asked is written down.
/// </summary>
public static class RecipeSchemas
{
    private const string Tuned = "model: {path: x}\ndata: {train: x}\nout: x\ntrain: {steps: 1}\nadapter: {rank: 8}\n",
        Policy = Tuned + "rewards: {number: {weight: 1}}\n";

    // Everything that decides which other keys are asked for stands here.
    private static readonly Dictionary<string, (string Probe, Action<RecipeSection> Read)> Kinds = new(StringComparer.Ordinal)
    {
        ["pretrain"] = ("model: {preset: x}\ntokenizer: x\ndata: {train: x}\nout: x\ntrain: {steps: 1}\n", root => Recipe.Read(root)),
        ["sft"] = (Tuned, root => SftRecipe.Read(root)),
        ["dpo"] = (Tuned, root => PreferenceRecipe.Read(root)),
        ["reward"] = ("model: {path: x}\ndata: {train: x}\nout: x\ntrain: {steps: 1}\n", root => RewardRecipe.Read(root)),
        ["grpo"] = (Policy, root => GrpoRecipe.Read(root)),
        ["ppo"] = (Policy, root => PpoRecipe.Read(root)),
        ["distill"] = (Tuned + "teacher: {path: x}\n", root => DistillRecipe.Read(root)),
        ["pipeline"] = ("stages: {stage: {run: x}}\n", root => Pipeline.Read(root, "the pipeline", smoke: false, [])),
    };

    /// <summary>Names of the kinds of files that have one: the verbs that read recipes, and pipeline.</summary>
    public static IReadOnlyList<string> Names => [.. Kinds.Keys];

    /// <summary>The schema of a kind, draft 2020-12.</summary>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    public static JsonObject Build(string kind)
    {
        if (!Kinds.TryGetValue(kind, out (string Probe, Action<RecipeSection> Read) made))
        {
            throw new ArgumentException(
                $"there is no schema '{kind}'{Spelling.Suggestion(kind, Names)}; there are {string.Join(", ", Names)}"
            );
        }
        using StringReader text = new(made.Probe);
        RecipeSection root = RecipeFile.Parse(text, "the recipe", []);
        made.Read(root);
        JsonObject schema = new()
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = kind == "pipeline" ? "a pipeline of ink run" : $"a recipe of ink {kind}",
        };
        foreach ((string key, JsonNode? value) in root.Schema())
        {
            schema[key] = value?.DeepClone();
        }
        if (kind == "pipeline")
        {
            // Each stage has the keys of the one that was read.
            JsonObject stages = schema["properties"]!["stages"]!.AsObject();
            stages["additionalProperties"] = stages["properties"]!["stage"]!.DeepClone();
            stages.Remove("properties");
        }
        KeyDescriptions.Describe(schema, kind);
        return schema;
    }
}
