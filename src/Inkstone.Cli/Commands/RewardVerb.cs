using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink reward</c>.</summary>
internal static class RewardVerb
{
    public static Verb Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("reward")) };
        Option<string> output = RunReport.Out(), model = new("--model") { Description = "model to start from, instead of the recipe's", HelpName = "PATH" },
            template = new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(), changed = RunReport.AllowChangedData();
        return new Verb("reward", "makes a reward model: one number for a text, higher for answers that are preferred", [recipe, output, model, template, resume, changed], Run,
            "ink reward pairs --model models/smollm2-135m --data.train pairs.jsonl --out runs/reward",
            "ink reward my-recipe.yaml --loss.centering 0.01 --resume")
        { TakesRecipeKeys = true };

        int Run(Call call)
        {
            RewardRecipe loaded = RewardRecipe.Load(Presets.Recipe(call.Get(recipe)!, "reward"), RunReport.Overrides(call, ("out", call.Get(output)), ("model.path", call.Get(model)), ("template", call.Get(template))));
            (RunResult result, PreferenceSet data) = call.WithTrainLog(log => call.Compute(device =>
            {
                using DirectoryLock held = DirectoryLock.Take(loaded.Out);
                PeakMeasure peak = new(device);
                using RewardTraining run = new(loaded, device, new RunOptions(call.Get(resume), call.Force, peak.Measure, call.Warn, call.Get(changed)));
                call.Say(Figures.Of($"{run.Data.Train.Count:N0} pairs, {Figures.Count(run.Data.Tokens)} tokens; {run.Data.Valid.Count:N0} held out"));
                call.Say(RunReport.Plan(run.Plan, peak.Share));
                return (call.Saving(() => run.Run(log, call.Cancelled)), run.Data);
            }, loaded.Device.Threads, loaded.Device.Precision));
            JsonObject json = RunReport.Json(loaded, result);
            json["train"] = data.Train.Count;
            json["valid"] = data.Valid.Count;
            json["left_out"] = data.Skipped.Sum(s => s.Count);
            RunReport.AddMetrics(json, result);
            call.Result(json, o =>
            {
                if (result.Last?.Metrics?.FirstOrDefault(m => m.Name == "accuracy") is { } accuracy)
                {
                    o.WriteLine(Figures.Of($"the preferred answer has the higher reward in {100 * accuracy.Value:0.0} % of the held-out pairs"));
                }
                RunReport.People(o, result, $"the model's files are those of a ForSequenceClassification with one label: {result.Checkpoint}");
            });
            return result.Interrupted ? 130 : 0;
        }
    }
}
