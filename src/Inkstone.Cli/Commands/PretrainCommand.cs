using System.CommandLine;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink pretrain</c>.</summary>
internal static class PretrainCommand
{
    public static CliCommand Create()
    {
        Argument<string> recipe = new("RECIPE")
        {
            Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("runs")),
        };
        Option<string> output = RunReport.Out(),
            tokenizer = new("--tokenizer") { Description = "tokenizer, instead of the recipe's", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(),
            changed = RunReport.AllowChangedData();
        return new CliCommand(
            "pretrain",
            "trains a model on token shards by a recipe",
            [recipe, output, tokenizer, resume, changed],
            Run,
            "ink pretrain poems --train.minutes 5 --out runs/poems",
            "ink pretrain microlm-31m --train.steps 1000 --optimizer.lr 3e-4 --resume"
        )
        {
            TakesRecipeKeys = true,
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            Recipe loaded = Recipe.Load(
                Presets.Recipe(call.Get(recipe)!),
                RunReport.Overrides(call, ("out", call.Get(output)), ("tokenizer", call.Get(tokenizer)))
            );
            RunResult result = PretrainRun.Train(call, loaded, call.Get(resume), call.Force, call.Get(changed));
            call.Result(
                RunReport.Json(loaded, result),
                o => RunReport.People(o, result, $"try: ink generate --model {loaded.Out} --prompt \"...\"")
            );
            return result.Interrupted ? 130 : 0;
        }
    }
}
