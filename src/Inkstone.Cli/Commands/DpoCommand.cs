using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink dpo</c>.</summary>
internal static class DpoCommand
{
    public static CliCommand Create()
    {
        TuningFlags flags = new("dpo", "model or adapter to start from");
        return flags.Command(
            "teaches a model which answers are preferred, from pairs or from thumbs up and down",
            Run,
            [
                "ink dpo lora --model models/smollm2-135m-instruct --data.train pairs.jsonl --out runs/dpo",
                "ink dpo my-recipe.yaml --loss.type simpo --loss.beta 2 --resume",
            ]
        );

        int Run(CommandContext call)
        {
            PreferenceRecipe loaded = flags.Load(call, (path, keys) => PreferenceRecipe.Load(path, keys));
            (RunResult result, PreferenceSet data) = flags.Train(
                call,
                loaded,
                (device, options) => new Preferences(loaded, device, options),
                run => Tell(call, loaded, run.Data)
            );
            JsonObject json = RunReport.Json(loaded, result);
            json["train"] = data.Train.Count;
            json["valid"] = data.Valid.Count;
            json["left_out"] = data.Skipped.Sum(s => s.Count);
            json["shortened"] = data.Truncated?.Count ?? 0;
            json["moved_borders"] = data.Moved?.Count ?? 0;
            RunReport.AddMetrics(json, result);
            call.Result(
                json,
                o =>
                {
                    if (result.Last?.Metrics?.FirstOrDefault(m => m.Name == "rewards/accuracies") is { } accuracy)
                    {
                        Metric? before = result.First?.Metrics?.FirstOrDefault(m => m.Name == "rewards/accuracies");
                        o.WriteLine(
                            Format.Text(
                                $"the preferred answer is told from the other in {100 * accuracy.Value:0.0} % of the held-out pairs{(before is null ? "" : Format.Text($" ({100 * before.Value:0.0} % before)"))}"
                            )
                        );
                    }
                    RunReport.People(o, result, $"try: ink chat --model {loaded.Out}");
                }
            );
            return result.Interrupted ? 130 : 0;
        }
    }

    /// <summary>The run under this call's progress, threads and signals.</summary>
    public static (RunResult Result, PreferenceSet Data) Train(CommandContext call, PreferenceRecipe recipe, bool resume, bool force) =>
        TuningFlags.Train(
            call,
            recipe,
            resume,
            force,
            allowChangedData: false,
            (device, options) => new Preferences(recipe, device, options),
            run => Tell(call, recipe, run.Data)
        );

    private static PreferenceSet Tell(CommandContext call, PreferenceRecipe recipe, PreferenceSet data)
    {
        call.Say(
            Format.Text(
                $"{data.Train.Count:N0} {(recipe.Loss.Singles is null ? "pairs" : "judged answers")}, {Format.Count(data.Tokens)} tokens; {data.Valid.Count:N0} held out"
            )
        );
        return data;
    }
}
