using System.Text.Json.Nodes;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink grpo</c> and <c>ink ppo</c>.</summary>
internal static class GrpoCommand
{
    public static CliCommand Create() =>
        Make(
            "grpo",
            "teaches a model by rewards of its own answers, each compared with the others to its prompt",
            [
                "ink grpo arithmetic --model models/smollm2-135m-instruct --out runs/grpo",
                "ink grpo my-recipe.yaml --loss.type dr_grpo --rollout.num_generations 16 --resume",
            ],
            (path, keys) => GrpoRecipe.Load(path, keys),
            (recipe, device, options) => new Grpo(recipe, device, options)
        );

    public static CliCommand CreatePpo() =>
        Make(
            "ppo",
            "teaches a model by rewards of its own answers, measured against what a critic expected",
            [
                "ink ppo arithmetic --model models/smollm2-135m-instruct --out runs/ppo",
                "ink ppo my-recipe.yaml --loss.kl_coef 0.02 --loss.kl_target 6 --resume",
            ],
            (path, keys) => PpoRecipe.Load(path, keys),
            (recipe, device, options) => new Ppo(recipe, device, options)
        );

    private static CliCommand Make<TRecipe>(
        string name,
        string summary,
        string[] examples,
        Func<string, List<KeyValuePair<string, string>>, TRecipe> load,
        Func<TRecipe, Device, RunOptions, RolloutRun> open
    )
        where TRecipe : ITuningRecipe
    {
        TuningFlags flags = new(name, "model or adapter to start from");
        return flags.Command(summary, Run, examples);

        int Run(CommandContext call)
        {
            TRecipe loaded = flags.Load(call, load);
            (RunResult result, PromptSet data) = flags.Train(
                call,
                loaded,
                (device, options) => open(loaded, device, options),
                run =>
                {
                    call.Say(Format.Text($"{run.Data.Train.Count:N0} prompts; {run.Data.Valid.Count:N0} held out"));
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
                    if (result.Last is { } last)
                    {
                        o.WriteLine(
                            Format.Text(
                                $"mean reward of {last.Labels:N0} held-out prompts {-last.Loss:0.000}{(result.First is { } first ? Format.Text($" ({-first.Loss:0.000} before)") : "")}"
                            )
                        );
                    }
                    RunReport.People(o, result with { Last = null }, $"try: ink chat --model {loaded.Out}"); // its held-out loss is minus that reward
                }
            );
            return result.Interrupted ? 130 : 0;
        }
    }
}
