using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink reward</c>.</summary>
internal static class RewardCommand
{
    public static CliCommand Create()
    {
        TuningFlags flags = new("reward", "model to start from");
        return flags.Command(
            "makes a reward model: one number for a text, higher for answers that are preferred",
            Run,
            [
                "ink reward pairs --model models/smollm2-135m --data.train pairs.jsonl --out runs/reward",
                "ink reward my-recipe.yaml --loss.centering 0.01 --resume",
            ]
        );

        int Run(CommandContext call)
        {
            RewardRecipe loaded = flags.Load(call, (path, keys) => RewardRecipe.Load(path, keys));
            (RunResult result, PreferenceSet data) = flags.Train(
                call,
                loaded,
                (device, options) => new RewardTraining(loaded, device, options),
                run =>
                {
                    call.Say(
                        Format.Text(
                            $"{run.Data.Train.Count:N0} pairs, {Format.Count(run.Data.Tokens)} tokens; {run.Data.Valid.Count:N0} held out"
                        )
                    );
                    return run.Data;
                }
            );
            JsonObject json = RunReport.Json(loaded, result);
            json["train"] = data.Train.Count;
            json["valid"] = data.Valid.Count;
            json["left_out"] = data.Skipped.Sum(s => s.Count);
            RunReport.AddMetrics(json, result);
            call.Result(
                json,
                o =>
                {
                    if (result.Last?.Metrics?.FirstOrDefault(m => m.Name == "accuracy") is { } accuracy)
                    {
                        o.WriteLine(
                            Format.Text($"the preferred answer has the higher reward in {100 * accuracy.Value:0.0} % of the held-out pairs")
                        );
                    }
                    RunReport.People(
                        o,
                        result,
                        $"the model's files are those of a ForSequenceClassification with one label: {result.Checkpoint}"
                    );
                }
            );
            return result.Interrupted ? 130 : 0;
        }
    }
}
