using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink pretrain</c>.</summary>
internal static class PretrainVerb
{
    public static Verb Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("runs")) };
        Option<string> output = new("--out") { Description = "directory of the run, instead of the recipe's", HelpName = "DIR" };
        Option<bool> resume = new("--resume") { Description = "go on from the newest checkpoint in the run's directory" };
        Option<string> tokenizer = new("--tokenizer") { Description = "tokenizer, instead of the recipe's", HelpName = "PATH" };
        return new Verb("pretrain", "trains a model on token shards by a recipe", [recipe, output, tokenizer, resume], Run,
            "ink pretrain poems --train.minutes 5 --out runs/poems",
            "ink pretrain microlm-31m --train.steps 1000 --optimizer.lr 3e-4 --resume")
        { TakesRecipeKeys = true, SavesOnInterrupt = true };

        int Run(Call call)
        {
            List<KeyValuePair<string, string>> overrides = [.. call.RecipeKeys];
            Add("out", call.Get(output));
            Add("tokenizer", call.Get(tokenizer));
            Add("train.threads", call.Threads?.ToString(CultureInfo.InvariantCulture));
            Add("train.precision", call.Precision);
            Add("train.seed", call.Seed?.ToString(CultureInfo.InvariantCulture));
            Recipe loaded = Recipe.Load(Presets.Recipe(call.Get(recipe)!), overrides);
            RunResult result = PretrainRun.Do(call, loaded, call.Get(resume));
            call.Result(Json(loaded, result), o => People(o, loaded, result));
            return result.Interrupted ? 130 : 0;

            void Add(string key, string? value)
            {
                if (value is not null)
                {
                    overrides.Add(new(key, value));
                }
            }
        }
    }

    private static JsonObject Json(Recipe recipe, RunResult r) => new()
    {
        ["out"] = recipe.Out,
        ["interrupted"] = r.Interrupted,
        ["steps"] = r.Progress.Step,
        ["total_steps"] = r.Progress.TotalSteps,
        ["tokens"] = r.Progress.Tokens,
        ["parameters"] = r.Facts.Parameters,
        ["valid_loss"] = Number(r.Last?.Loss),
        ["valid_bits_per_byte"] = Number(r.Last?.BitsPerByte),
        ["valid_labels"] = r.Last?.Labels,
        ["best_step"] = r.Progress.BestStep,
        ["best_valid_loss"] = r.Progress.BestLoss,
        ["tokens_per_second"] = Number(r.TokensPerSecond),
        ["fraction_of_roof"] = r.Facts.Roof is { } roof ? Number(r.Facts.FlopsPerToken * r.TokensPerSecond / roof) : null,
        ["checkpoint"] = r.Checkpoint,
        ["best_checkpoint"] = r.Best,
    };

    private static void People(TextWriter o, Recipe recipe, RunResult r)
    {
        string speed = double.IsNaN(r.TokensPerSecond) ? "" : Figures.Of($" at {r.TokensPerSecond:#,0} tokens/s");
        o.WriteLine(Figures.Of($"{(r.Interrupted ? "interrupted after" : "done:")} {r.Progress.Step} steps, {Figures.Count(r.Progress.Tokens)} tokens{speed}"));
        if (r.Last is { } valid)
        {
            o.WriteLine(Figures.Of($"held-out loss {valid.Loss:0.0000}{(double.IsNaN(valid.BitsPerByte) ? "" : Figures.Of($", {valid.BitsPerByte:0.0000} bits per byte"))} over {valid.Labels:N0} tokens"));
        }
        o.WriteLine($"checkpoint: {r.Checkpoint ?? "none"}{(r.Best is not null && r.Best != r.Checkpoint ? $" (best: {r.Best})" : "")}");
        o.WriteLine(r.Interrupted ? "go on with the same command and --resume" : $"try: ink generate --model {recipe.Out} --prompt \"...\"");
    }

    private static JsonNode? Number(double? value) => value is { } v && double.IsFinite(v) ? v : null;
}
