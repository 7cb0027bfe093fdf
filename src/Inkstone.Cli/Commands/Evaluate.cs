using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Client;
using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Jinja;
using Inkstone.Models;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink evaluate</c>.</summary>
internal static partial class Evaluate
{
    public static CliCommand Create()
    {
        Argument<string[]> tasks = new("TASK")
        {
            Description = "tasks, groups, tags or patterns by name, or task files (YAML)",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string> model = new("--model")
        {
            Description =
                "model directory, adapter, run or .gguf file, or the address of a server with OpenAI's API (http://HOST/v1#MODEL); not needed with --requests-out or --responses",
            HelpName = "PATH",
        };
        Option<string> weights = Flags.Weights(exact: true);
        EvaluateFlags flags = new();
        Option<string> requestsOut = new("--requests-out")
        {
            Description = "write every request as a line of JSON, and stop",
            HelpName = "FILE.jsonl",
        };
        Option<string[]> responses = new("--responses")
        {
            Description = "take answers from lines of JSON (task, doc_id, index, resps) or samples files, instead of asking a model",
            HelpName = "FILE.jsonl",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string> output = new("--output-path")
        {
            Description = "write results_DATE.json below DIR, or FILE_DATE.json",
            HelpName = "PATH",
        };
        Option<bool> samples = new("--log-samples") { Description = "with --output-path: write samples_TASK_DATE.jsonl too" };
        Option<int> length = new("--max-length") { Description = "most tokens that are fed; default: the model's context", HelpName = "N" };
        Option<bool?> bos = new("--add-bos-token")
        {
            Description = "true or false: whether a begin token stands before each text; default: as the tokenizer does",
            HelpName = "BOOL",
        };
        Option<string> think = new("--think-end-token")
        {
            Description = "what ends a thought: an answer begins behind the last of it",
            HelpName = "S",
        };
        Option<string> stage = new("--stage")
        {
            Description = "name of a stage of training: adds a line {stage, step, loss, perplexity, bits_per_byte, scores} to --stage-log",
            HelpName = "NAME",
        };
        Option<long?> step = new("--step") { Description = "the stage's step", HelpName = "N" };
        Option<string> heldOut = new("--held-out")
        {
            Description = "with --stage: texts whose loss is measured, as data prepare reads them",
            HelpName = "PATH",
        };
        Option<string> stageLog = new("--stage-log")
        {
            Description = "file that --stage adds its line to",
            HelpName = "FILE.jsonl",
            DefaultValueFactory = _ => "eval_results.jsonl",
        };
        Option<string> key = new("--api-key") { Description = "key for an address; also the variable OPENAI_API_KEY", HelpName = "KEY" };
        Option<string[]> against = new("--contamination-against")
        {
            Description = "texts or token shards that the model has learned from: tells which documents stand in them",
            HelpName = "PATH",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int> run = new("--contamination-length")
        {
            Description = "Han characters and other words that have to be the same in a row",
            HelpName = "N",
            DefaultValueFactory = _ => 13,
        };
        return new CliCommand(
            "evaluate",
            "benchmarks from lm-evaluation-harness's task files: the same requests, scores and standard errors",
            [
                tasks,
                model,
                weights,
                .. flags.All,
                requestsOut,
                responses,
                output,
                samples,
                length,
                bos,
                think,
                stage,
                step,
                heldOut,
                stageLog,
                key,
                against,
                run,
                EvaluateStructured.Create(),
                EvaluateJudge.Create(),
                EvaluateCore.Create(),
            ],
            Run,
            "ink evaluate arc_easy hellaswag --model runs/poems --data datasets --limit 100",
            "ink evaluate my-task.yaml --model smollm2.gguf --num-fewshot 5 --apply-chat-template --output-path results --log-samples --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            string? path = call.Get(model);
            if (path is null && call.Get(requestsOut) is null && call.Get(responses) is not { Length: > 0 })
            {
                throw new ArgumentException(
                    "name a model with --model, answers with --responses, or a file for the requests with --requests-out"
                );
            }
            if (call.Get(tasks) is not { Length: > 0 } && (call.Get(stage) is null || call.Get(heldOut) is null))
            {
                throw new ArgumentException("name at least one task; --stage with --held-out can do without");
            }
            if (call.Get(heldOut) is not null && (call.Get(stage) is null || path is null))
            {
                throw new ArgumentException("--held-out needs --stage NAME and --model PATH");
            }
            Stopwatch clock = Stopwatch.StartNew();
            DateTimeOffset started = DateTimeOffset.Now;
            bool remote = path is not null && OpenAiClient.IsUrl(path);
            if (remote && call.Get(heldOut) is not null)
            {
                throw new ArgumentException("--held-out needs a model of this machine, not an address");
            }
            Tokenizer? tokenizer = path is null || remote ? null : Models.Tokenizer(path, call);
            EvaluationOptions options = flags.Read(call, tokenizer, remote, out string? template);
            EvaluationRun evaluation = EvaluationRun.Prepare(call.Get(tasks) ?? [], options);
            call.Say(
                evaluation.Tasks.Count == 0
                    ? "no tasks"
                    : $"{evaluation.Requests.Count.ToString("N0", CultureInfo.InvariantCulture)} requests of {string.Join(", ", evaluation.Tasks.Take(5))}{(evaluation.Tasks.Count > 5 ? $" and {evaluation.Tasks.Count - 5} more" : "")}"
            );
            if (call.Get(requestsOut) is { } file)
            {
                AtomicFile.WriteText(
                    call.ClaimFile(
                        file,
                        existing => File.ReadLines(existing).Take(1).Any(l => l.StartsWith("{\"task\": ", StringComparison.Ordinal))
                    ),
                    string.Concat(RecordedAnswers.Lines(evaluation.Requests).Select(l => l + "\n"))
                );
                return call.Result(
                    new JsonObject { ["requests"] = evaluation.Requests.Count, ["file"] = file },
                    o => o.WriteLine($"wrote {evaluation.Requests.Count} requests to {file}")
                );
            }
            IReadOnlyList<TaskContamination> contaminated = call.Get(against) is { Length: > 0 } learned
                ? ContaminationCheck.Find(evaluation.Requests, learned, call.Between(run, 1, 1000), tokenizer, call.Cancelled)
                : [];
            foreach (TaskContamination task in contaminated.Where(t => t.Found.Count > 0))
            {
                call.Warn(
                    $"{task.Task}: {task.Found.Count} of {task.Documents} documents stand in the training data (numbers {string.Join(", ", task.Found.Take(10))}{(task.Found.Count > 10 ? ", …" : "")}); its score says less than it seems"
                );
            }
            RunDescription description = new(path ?? call.Get(responses)![0], path is null ? "responses" : "ink", template, 0, started);
            foreach (string answers in call.Get(responses) ?? [])
            {
                int read = RecordedAnswers.Read(answers, evaluation.Requests);
                call.Say($"{answers} answers {read} of {evaluation.Requests.Count} requests");
            }
            HeldOutLoss? loss = null;
            if (remote && evaluation.Requests.Any(r => !r.IsAnswered))
            {
                using OpenAiClient client = new(path!, call.Get(key) ?? Environment.GetEnvironmentVariable("OPENAI_API_KEY"));
                description = description with { Source = "openai" };
                Answer(call, evaluation, new OpenAiModel(client, options.Chat is not null));
                ShareAnswers(call.Ranks, evaluation);
            }
            else if (path is not null && !remote && (evaluation.Requests.Any(r => !r.IsAnswered) || call.Get(heldOut) is not null))
            {
                (description, loss) = Ask(
                    call,
                    evaluation,
                    path,
                    call.Get(weights),
                    tokenizer!,
                    description,
                    call.Get(heldOut),
                    new LocalModelOptions(
                        call.Get(length) is > 0 and var most ? most : null,
                        AddBosToken: call.Get(bos),
                        ThinkEnd: call.Get(think),
                        Seed: (ulong)(call.Seed ?? 0)
                    )
                );
            }
            EvaluationResult result = evaluation.Score();
            if (call.Ranks.Rank > 0)
            {
                return 0; // the first process writes
            }
            description = description with { Seconds = clock.Elapsed.TotalSeconds };
            DictValue whole = ResultFiles.Whole(result, options, description, call.Get(samples));
            IReadOnlyList<string> written = call.Get(output) is { } to
                ? ResultFiles.Write(to, result, whole, description, call.Get(samples))
                : [];
            foreach (string each in written)
            {
                call.Say($"wrote {each}");
            }
            if (call.Get(stage) is { } name)
            {
                DictValue line = StageRecord.Create(name, call.Get(step), description.Model, loss, result);
                StageRecord.Append(call.Get(stageLog)!, line);
                call.Say($"added a line to {call.Get(stageLog)}");
                if (loss is not null)
                {
                    call.Say(
                        Format.Text(
                            $"{name}: loss {loss.Loss:0.0000}, perplexity {Math.Exp(loss.Loss):0.00}, {loss.Nats / Math.Log(2) / loss.Bytes:0.0000} bits per byte over {loss.Tokens:N0} tokens"
                        )
                    );
                }
                return call.Result(ValueNodes.ToNode(line)!, _ => Print(call, result));
            }
            JsonNode json = ValueNodes.ToNode(whole)!;
            if (contaminated.Count > 0)
            {
                json["contamination"] = new JsonObject(
                    contaminated.Select(t =>
                        KeyValuePair.Create(
                            t.Task,
                            (JsonNode?)
                                new JsonObject
                                {
                                    ["documents"] = t.Documents,
                                    ["found"] = new JsonArray([.. t.Found.Select(i => (JsonNode)i)]),
                                }
                        )
                    )
                );
            }
            return call.Result(json, _ => Print(call, result));
        }
    }

    private static void Print(CommandContext call, EvaluationResult result)
    {
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("task", "version", "filter", "n-shot", "metric", "", "value", "stderr");
        foreach (ResultRow row in ResultTable.Rows(result.Summary))
        {
            table.AddRow([
                .. new[] { row.Task, row.Version, row.Filter, row.Shots, row.Metric, row.Direction, row.Value, "± " + row.Error }.Select(
                    Markup.Escape
                ),
            ]);
        }
        call.Page.Write(table);
        if (ValueNodes.ToNode(result.Summary)!["core"] is { } core)
        {
            PrintCore(call, core);
        }
    }

    private static void PrintCore(CommandContext call, JsonNode core)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("task", "metric", "accuracy", "chance", "centered", "stderr");
        foreach ((string name, JsonNode? task) in core["tasks"]!.AsObject())
        {
            table.AddRow([
                .. new[] { name, (string)task!["metric"]! }
                    .Concat(((string[])["accuracy", "chance", "centered"]).Select(k => Format.Text($"{(double)task[k]!:0.0000}")))
                    .Append(Error(task))
                    .Select(Markup.Escape),
            ]);
        }
        table.AddRow("CORE", "", "", "", core["value"] is { } value ? Format.Text($"{(double)value:0.0000}") : "–", Error(core));
        call.Page.Write(table);
        if (core["left_out"]!.AsArray() is { Count: > 0 } leftOut)
        {
            call.Warn($"CORE leaves out what has neither acc nor exact_match: {string.Join(", ", leftOut.Select(t => (string)t!))}");
        }

        static string Error(JsonNode of) =>
            of["stderr"]!.GetValueKind() == JsonValueKind.Number ? Format.Text($"± {(double)of["stderr"]!:0.0000}") : "± N/A";
    }
}
