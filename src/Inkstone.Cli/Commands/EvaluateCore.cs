using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Evaluation;
using Inkstone.Models;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink evaluate core</c>.</summary>
internal static class EvaluateCore
{
    public static CliCommand Create()
    {
        Argument<string> bundle = new("BUNDLE") { Description = "the unpacked bundle: core.yaml, eval_meta_data.csv and eval_data" };
        Option<string> path = new("--model")
        {
            Description = "model directory, adapter, run or .gguf file",
            HelpName = "PATH",
            Required = true,
        };
        Option<int?> limit = new("--limit") { Description = "the first N items of each task, as shuffled", HelpName = "N" };
        Option<int> length = new("--max-length") { Description = "most tokens that are fed; default: the model's context", HelpName = "N" };
        Option<string> weights = Flags.Weights(exact: true);
        return new CliCommand(
            "core",
            "CORE from its published bundle of tasks, with nanochat's prompts, examples and rule",
            [bundle, path, limit, length, weights],
            Run,
            "ink evaluate core eval_bundle --model runs/poems --limit 200",
            "ink evaluate core eval_bundle --model smollm2.gguf --json"
        );

        int Run(CommandContext call)
        {
            if (call.Get(limit) is < 1)
            {
                throw new ArgumentException($"--limit must be 1 or more, got {call.Get(limit)}");
            }
            IReadOnlyList<CoreTask> tasks = CoreTask.ReadBundle(call.Get(bundle)!, call.Get(limit));
            Tokenizer tokenizer = Models.Tokenizer(call.Get(path)!, call);
            IReadOnlyList<CoreTaskScore> scores = call.Compute(device =>
            {
                using CausalLm model = Models.Open(call.Get(path)!, device, call.Get(weights));
                LocalModel local = new(
                    model,
                    tokenizer,
                    new LocalModelOptions(call.Get(length) is > 0 and var most ? most : null),
                    call.Warn
                );
                List<CoreTaskScore> found = [];
                foreach (CoreTask task in tasks)
                {
                    found.AddRange(CoreRun.Ask([task], local, cancelled: call.Cancelled));
                    call.Say(
                        Format.Text($"{task.Label}: {found[^1].Accuracy:0.0000} of {task.Items.Count} ({found.Count} of {tasks.Count})")
                    );
                }
                return found;
            });
            (double value, double error) = CoreRun.Core(scores);
            JsonObject json = new()
            {
                ["core"] = value,
                ["stderr"] = Finite(error),
                ["tasks"] = new JsonObject(
                    scores.Select(s =>
                        KeyValuePair.Create(
                            s.Task.Label,
                            (JsonNode?)
                                new JsonObject
                                {
                                    ["shots"] = s.Task.Shots,
                                    ["n"] = s.Task.Items.Count,
                                    ["accuracy"] = s.Accuracy,
                                    ["chance"] = s.Task.Chance,
                                    ["centered"] = s.Centered,
                                    ["stderr"] = Finite(s.CenteredError),
                                }
                        )
                    )
                ),
            };
            return call.Result(json, _ => Print(call, scores, value, error));
        }
    }

    private static void Print(CommandContext call, IReadOnlyList<CoreTaskScore> scores, double value, double error)
    {
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("task", "n-shot", "items", "accuracy", "chance", "centered", "stderr");
        foreach (CoreTaskScore s in scores)
        {
            table.AddRow(
                Markup.Escape(s.Task.Label),
                Format.Text($"{s.Task.Shots}"),
                Format.Text($"{s.Task.Items.Count}"),
                Format.Text($"{s.Accuracy:0.0000}"),
                Format.Text($"{s.Task.Chance:0.0000}"),
                Format.Text($"{s.Centered:0.0000}"),
                Error(s.CenteredError)
            );
        }
        table.AddRow("CORE", "", "", "", "", Format.Text($"{value:0.0000}"), Error(error));
        call.Page.Write(table);
    }

    private static string Error(double error) => double.IsNaN(error) ? "± N/A" : Format.Text($"± {error:0.0000}");

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? value : null;
}
