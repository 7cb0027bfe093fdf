using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink run</c>.</summary>
internal static class RunPipeline
{
    public static CliCommand Create()
    {
        Argument<string> file = new("PIPELINE")
        {
            Description = "pipeline file (YAML), or one that comes with the program: " + string.Join(", ", Presets.Names("pipelines")),
        };
        Option<bool> smoke = new("--smoke") { Description = "the same in minutes: with the pipeline's small values" };
        Option<string> output = new("--out")
        {
            Description = "directory below which each stage has one of its own; default: runs/NAME, or runs/NAME-smoke",
            HelpName = "DIR",
        };
        Option<string[]> skip = Stages("--skip", "leave stages as they are"),
            force = Stages("--force", "run stages although nothing changed"),
            set = Stages("--set", "NAME=VALUE in place of one of the pipeline's values (repeatable)", "NAME=VALUE");
        Option<string> from = new("--from")
        {
            Description = "run this stage and all behind it, although nothing changed",
            HelpName = "STAGE",
        };
        return new CliCommand(
            "run",
            "runs a pipeline: verbs one after the other, from raw data to a model that is served; what did not change is not run again, and a stopped pipeline goes on when repeated. "
                + "The variables PRETRAIN_ARGS, SFT_ARGS, DPO_ARGS and their like add flags to the stages of these verbs",
            [file, smoke, output, set, skip, force, from],
            Run,
            "ink run booklet --smoke --out runs/try",
            "ink run my-pipeline.yaml --set steps=2000 --skip world --from sft --json"
        );

        int Run(CommandContext call)
        {
            bool small = call.Get(smoke);
            string path = Presets.Recipe(call.Get(file)!, "pipelines");
            Pipeline pipeline = Pipeline.Load(path, small, [.. (call.Get(set) ?? []).Select(Pair)]);
            string directory = call.Get(output) ?? Path.Combine("runs", pipeline.Name + (small ? "-smoke" : ""));
            PipelineState state = PipelineState.Open(directory, new PipelineState(pipeline.Name, small, []));
            PipelineRun run = new(
                call,
                pipeline,
                directory,
                state,
                new StageChoice(call.Get(skip) ?? [], call.Get(force) ?? [], call.Get(from))
            );
            run.Check();
            MachineCheck.Run(call, pipeline.Needs, directory);
            using DirectoryLock held = DirectoryLock.Take(directory);
            long began = Stopwatch.GetTimestamp();
            (int code, IReadOnlyList<StageOutcome> outcomes) = run.Run();
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            call.Result(Json(pipeline, directory, code == 0, seconds, outcomes), o => Print(call, pipeline, outcomes, seconds, directory));
            if (code is not (0 or Signals.Interrupted))
            {
                call.Error.WriteLine(
                    $"ink: stage {outcomes[^1].Stage.Name} failed; mend what it says and repeat the command: what is done stays done"
                );
            }
            return code;
        }
    }

    /// <summary>The words at the beginning of a command line that are no paths and no flags.</summary>
    private static string VerbOf(string command) =>
        string.Join(' ', command.Split(' ').TakeWhile(w => w.AsSpan().IndexOfAny("-/.") < 0).Take(2));

    private static Option<string[]> Stages(string name, string what, string value = "STAGE") =>
        new(name)
        {
            Description = what,
            HelpName = value,
            AllowMultipleArgumentsPerToken = true,
        };

    private static KeyValuePair<string, string> Pair(string text) =>
        text.IndexOf('=', StringComparison.Ordinal) is > 0 and int at
            ? new(text[..at], text[(at + 1)..])
            : throw new ArgumentException($"--set must be NAME=VALUE, got '{text}'");

    private static JsonObject Json(Pipeline pipeline, string directory, bool ok, double seconds, IReadOnlyList<StageOutcome> outcomes) =>
        new()
        {
            ["pipeline"] = pipeline.Name,
            ["out"] = directory,
            ["ok"] = ok,
            ["seconds"] = Math.Round(seconds, 1),
            ["stages"] = new JsonArray([
                .. outcomes.Select(
                    JsonNode (o) =>
                        new JsonObject
                        {
                            ["name"] = o.Stage.Name,
                            ["command"] = "ink " + o.Command,
                            ["ended"] = o.Ended,
                            ["seconds"] = Math.Round(o.Seconds, 1),
                            ["result"] = o.Result?.DeepClone(),
                        }
                ),
            ]),
        };

    private static void Print(
        CommandContext call,
        Pipeline pipeline,
        IReadOnlyList<StageOutcome> outcomes,
        double seconds,
        string directory
    )
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("stage", "verb", "", "time", "result");
        foreach (StageOutcome o in outcomes)
        {
            table.AddRow([
                .. new[]
                {
                    o.Stage.Name,
                    VerbOf(o.Command),
                    o.Ended,
                    o.Ended == "skipped" ? "" : Format.Time(o.Seconds),
                    StageFigures.Summarize(o.Result),
                }.Select(Markup.Escape),
            ]);
        }
        call.Page.Write(table);
        call.Out.WriteLine(
            Format.Text(
                $"{pipeline.Name}: {outcomes.Count(o => o.Ended == "ran")} of {pipeline.Stages.Count} stages ran in {Format.Time(seconds)}; all of it lies in {directory}"
            )
        );
    }
}
