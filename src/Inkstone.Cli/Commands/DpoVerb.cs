using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink dpo</c>.</summary>
internal static class DpoVerb
{
    public static Verb Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("dpo")) };
        Option<string> output = RunReport.Out(), model = new("--model") { Description = "model or adapter to start from, instead of the recipe's", HelpName = "PATH" },
            template = new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(), changed = RunReport.AllowChangedData();
        return new Verb("dpo", "teaches a model which answers are preferred, from pairs or from thumbs up and down", [recipe, output, model, template, resume, changed], Run,
            "ink dpo lora --model models/smollm2-135m-instruct --data.train pairs.jsonl --out runs/dpo",
            "ink dpo my-recipe.yaml --loss.type simpo --loss.beta 2 --resume")
        { TakesRecipeKeys = true };

        int Run(Call call)
        {
            PreferenceRecipe loaded = PreferenceRecipe.Load(Presets.Recipe(call.Get(recipe)!, "dpo"), RunReport.Overrides(call, ("out", call.Get(output)), ("model.path", call.Get(model)), ("template", call.Get(template))));
            string what = loaded.Loss.Singles is null ? "pairs" : "judged answers";
            (RunResult result, PreferenceSet data) = call.WithTrainLog(log => call.Compute(device =>
            {
                using DirectoryLock held = DirectoryLock.Take(loaded.Out);
                PeakMeasure peak = new(device);
                using Preferences run = new(loaded, device, new RunOptions(call.Get(resume), call.Force, peak.Measure, call.Warn, call.Get(changed)));
                call.Say(Figures.Of($"{run.Data.Train.Count:N0} {what}, {Figures.Count(run.Data.Tokens)} tokens; {run.Data.Valid.Count:N0} held out"));
                call.Say(RunReport.Plan(run.Plan, peak.Share));
                return (call.Saving(() => run.Run(log, call.Cancelled)), run.Data);
            }, loaded.Device.Threads, loaded.Device.Precision));
            JsonObject json = RunReport.Json(loaded, result);
            json["train"] = data.Train.Count;
            json["valid"] = data.Valid.Count;
            json["left_out"] = data.Skipped.Sum(s => s.Count);
            json["shortened"] = data.Truncated?.Count ?? 0;
            json["moved_borders"] = data.Moved?.Count ?? 0;
            RunReport.AddMetrics(json, result);
            call.Result(json, o =>
            {
                if (result.Last?.Metrics?.FirstOrDefault(m => m.Name == "rewards/accuracies") is { } accuracy)
                {
                    Metric? before = result.First?.Metrics?.FirstOrDefault(m => m.Name == "rewards/accuracies");
                    o.WriteLine(Figures.Of($"the preferred answer is told from the other in {100 * accuracy.Value:0.0} % of the held-out pairs{(before is null ? "" : Figures.Of($" ({100 * before.Value:0.0} % before)"))}"));
                }
                RunReport.People(o, result, $"try: ink chat --model {loaded.Out}");
            });
            return result.Interrupted ? 130 : 0;
        }
    }
}
