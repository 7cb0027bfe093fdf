using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink evaluate structured</c>.</summary>
internal static class EvaluateStructured
{
    private const string ResultFile = "structured.json";

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static CliCommand Create()
    {
        Option<string[]> model = new("--model")
        {
            Description =
                "models: directory, run, adapter, .gguf file, or the address of a server with OpenAI's API (http://HOST/v1#MODEL)",
            HelpName = "PATH",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string[]> adapter = new("--adapter")
        {
            Description = "adapters over the first model, evaluated beside it",
            HelpName = "PATH",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string[]> responses = new("--responses")
        {
            Description = "answers made elsewhere, a file for each model: a JSON array or lines of {id, output}",
            HelpName = "FILE",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string> prompts = new("--prompts")
        {
            Description = "prompts with schema and right answer, as data instructie writes them",
            HelpName = "FILE.json",
            Required = true,
        };
        Option<bool> guided = new("--guided") { Description = "ask each model a second time, its answers held to the schema" };
        Option<string> output = new("--output-path")
        {
            Description = "directory for answers.jsonl, from which an interrupted evaluation goes on, and structured.json",
            HelpName = "DIR",
        };
        Option<string> system = new("--system-instruction")
        {
            Description = "the system message, instead of the file's; empty for none",
            HelpName = "S",
        };
        Option<string> aliases = new("--aliases")
        {
            Description = "other names of fields, instead of the usual ones: {\"field\": [\"name\"]}",
            HelpName = "FILE.json",
        };
        Option<int?> limit = new("--limit") { Description = "the first N prompts", HelpName = "N" },
            tokens =
                new("--max-tokens") { Description = "most tokens of an answer; default: what the file says, else 256", HelpName = "N" };
        Option<double?> temperature = new("--temperature") { Description = "default: what the file says, else 0", HelpName = "X" };
        Option<int> parallel = new("--parallel")
        {
            Description = "prompts that are answered side by side",
            HelpName = "N",
            DefaultValueFactory = _ => 16,
        };
        Option<string> key = new("--api-key") { Description = "key for addresses; also the variable OPENAI_API_KEY", HelpName = "KEY" };
        Option<string> stage = new("--stage")
        {
            Description = "name of a stage of training: adds a line {stage, step, model, scores} for each model to --stage-log",
            HelpName = "NAME",
        };
        Option<long?> step = new("--step") { Description = "the stage's step", HelpName = "N" };
        Option<string> stageLog = new("--stage-log")
        {
            Description = "file that --stage adds its lines to",
            HelpName = "FILE.jsonl",
            DefaultValueFactory = _ => "eval_results.jsonl",
        };
        Option<string> weights = Flags.Weights();
        return new CliCommand(
            "structured",
            "JSON by a schema out of texts: what parses, what is missing, invented, of a wrong type, right",
            [
                model,
                adapter,
                responses,
                prompts,
                guided,
                output,
                system,
                aliases,
                limit,
                tokens,
                temperature,
                parallel,
                key,
                weights,
                stage,
                step,
                stageLog,
            ],
            Run,
            "ink evaluate structured --model runs/base runs/tuned --prompts structured/prompts.json --guided",
            "ink evaluate structured --responses answers/a.json answers/b.json --prompts prompts.json --json"
        );

        int Run(CommandContext call)
        {
            string[] models = call.Get(model) ?? [],
                adapters = call.Get(adapter) ?? [],
                files = call.Get(responses) ?? [];
            if (models.Length + files.Length == 0 || (adapters.Length > 0 && (models.Length == 0 || OpenAiClient.IsUrl(models[0]))))
            {
                throw new ArgumentException(
                    adapters.Length > 0
                        ? "--adapter needs the model below it, on this machine: --model PATH"
                        : "name models with --model, or answers with --responses"
                );
            }
            StructuredPromptFile file = StructuredPromptFile.Read(call.Get(prompts)!);
            file = file with
            {
                System = call.Get(system) ?? file.System,
                MaxTokens = call.Get(tokens) is { } most
                    ? most > 0
                        ? most
                        : throw new ArgumentException($"--max-tokens must be 1 or more, got {most}")
                    : file.MaxTokens,
                Temperature = call.Get(temperature) is { } t
                    ? t >= 0
                        ? t
                        : throw new ArgumentException($"--temperature must be 0 or more, got {t}")
                    : file.Temperature,
                Seed = (ulong?)call.Seed ?? file.Seed,
                Prompts = call.Get(limit) is { } first
                    ? first > 0
                        ? [.. file.Prompts.Take(first)]
                        : throw new ArgumentException($"--limit must be 1 or more, got {first}")
                    : file.Prompts,
            };
            FieldAliases names = call.Get(aliases) is { } given ? FieldAliases.Read(given) : FieldAliases.Default;
            string? result = call.Get(output) is { } place ? Path.Combine(place, ResultFile) : null;
            if (
                result is not null
                && File.Exists(result)
                && !File.ReadLines(result).Take(2).Any(l => l.Contains("\"prompts\":", StringComparison.Ordinal))
            )
            {
                throw new ArgumentException(
                    $"{result} is no result of an evaluation, and only such is replaced; name another --output-path"
                );
            }
            List<StructuredTable> tables = [];
            foreach (string answers in files)
            {
                IReadOnlyDictionary<string, StructuredAnswer> read = RecordedStructuredAnswers.Read(answers, file.Prompts);
                tables.Add(
                    new StructuredTable(
                        Path.GetFileNameWithoutExtension(answers),
                        false,
                        file.Prompts,
                        [.. file.Prompts.Select(p => read[p.Id])],
                        names
                    )
                );
            }
            if (models.Length > 0)
            {
                using AnswerLog? log = call.Get(output) is { } directory ? new AnswerLog(directory) : null;
                tables.AddRange(
                    call.WithProgress(
                        "evaluate",
                        bar =>
                            Asking(
                                    call,
                                    file,
                                    models,
                                    adapters,
                                    call.Get(guided),
                                    call.Between(parallel, 1, 1024),
                                    call.Get(key) ?? Environment.GetEnvironmentVariable("OPENAI_API_KEY"),
                                    call.Get(weights),
                                    log,
                                    bar
                                )
                                .Select(a => new StructuredTable(a.Model, a.Guided, file.Prompts, a.Answers, names))
                    )
                );
            }
            JsonObject json = new()
            {
                ["prompts"] = file.Prompts.Count,
                ["models"] = new JsonArray([.. tables.Select(table => (JsonNode)table.Json())]),
            };
            if (result is not null)
            {
                AtomicFile.WriteText(result, json.ToJsonString(Readable) + "\n");
                call.Say($"wrote {result}");
            }
            foreach (StructuredTable table in call.Get(stage) is null ? [] : tables)
            {
                StageRecord.Append(
                    call.Get(stageLog)!,
                    StageRecord.Create(
                        call.Get(stage)!,
                        call.Get(step),
                        table.Model,
                        table.Guided ? "structured_guided" : "structured",
                        table.Shares
                    )
                );
            }
            return call.Result(json, _ => Print(call, tables));
        }
    }

    private static List<(string Model, bool Guided, IReadOnlyList<StructuredAnswer> Answers)> Asking(
        CommandContext call,
        StructuredPromptFile file,
        string[] models,
        string[] adapters,
        bool guided,
        int parallel,
        string? key,
        string? weights,
        AnswerLog? log,
        IProgress<(double, string)> bar
    )
    {
        bool[] ways = guided ? [false, true] : [false];
        int all = (models.Length + adapters.Length) * ways.Length * file.Prompts.Count,
            done = 0;
        List<(string, bool, IReadOnlyList<StructuredAnswer>)> found = [];
        foreach (string path in models)
        {
            if (OpenAiClient.IsUrl(path))
            {
                using OpenAiClient client = new(path, key);
                Ask(new OpenAiStructuredModel(path, client));
                continue;
            }
            string[] over = path == models[0] ? adapters : [];
            using Device device = call.NewDevice();
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            using CausalLm model = ComputeThread.Run(() => Models.Open(path, device, weights));
            EngineOptions options = new()
            {
                MaxSequences = parallel,
                MaxWaiting = file.Prompts.Count,
                Adapters = over.ToDictionary(a => a, CheckpointFolder.Resolve),
            };
            AsyncEngine engine = new(model, tokenizer, options);
            try
            {
                ChatModel chat = new(engine, GenerationSettings.Read(Models.GenerationConfig(path)));
                Ask(new EngineStructuredModel(path, chat));
                foreach (string adapter in over)
                {
                    Ask(new EngineStructuredModel(adapter, chat, adapter));
                }
            }
            finally
            {
                engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }
        return found;

        void Ask(IStructuredModel model)
        {
            foreach (bool held in ways)
            {
                found.Add(
                    (
                        model.Name,
                        held,
                        new StructuredRun(file, held)
                            .AskAsync(
                                model,
                                parallel,
                                log,
                                () => bar.Report(((double)Interlocked.Increment(ref done) / all, $"{done:N0} of {all:N0} answers")),
                                call.Cancelled
                            )
                            .GetAwaiter()
                            .GetResult()
                    )
                );
            }
        }
    }

    private static void Print(CommandContext call, List<StructuredTable> tables)
    {
        string[] metrics =
        [
            "parse",
            "missing",
            "hallucination",
            "types",
            "enums",
            "strict",
            "strict_alias",
            "value_match",
            "cut",
            "latency_seconds",
        ];
        string[] names = Names([.. tables.Select(t => t.Model)]);
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns(["model", "guided", .. metrics.Select(m => m.Replace('_', ' ')), "pairs F1"]);
        foreach ((StructuredTable t, string name) in tables.Zip(names))
        {
            table.AddRow([
                .. new[] { name, t.Guided ? "yes" : "no" }
                    .Concat(metrics.Select(m => Shown(m, t.Shares[m])))
                    .Append(Format.Text($"{t.Pairs.F1:0.000}"))
                    .Select(Markup.Escape),
            ]);
        }
        call.Page.Write(table);
        Table published = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("by MicroLM's rules", "parse", "missing", "hallucination", "strict", "judged otherwise here");
        foreach ((StructuredTable t, string name) in tables.Zip(names))
        {
            JsonNode rules = t.Json()["microlm_rules"]!;
            published.AddRow([
                .. new[] { name + (t.Guided ? ", guided" : "") }
                    .Concat(
                        ((string[])["parseable_rate", "missing_rate", "hallucination_rate", "schema_strict_rate"]).Select(r =>
                            Format.Text($"{100 * (double)rules[r]!:0.0} %")
                        )
                    )
                    .Append(
                        string.Join(
                            "; ",
                            t.Differences.GroupBy(d => (d.Metric, d.Why)).Select(g => $"{g.Key.Metric}: {g.Count()} × {g.Key.Why}")
                        )
                    )
                    .Select(Markup.Escape),
            ]);
        }
        call.Page.Write(published);
        call.Out.WriteLine(
            $"{tables[0].Shares["parse"].Count} prompts. hallucination, types and enums are shares of what parses, with ± one standard error."
        );
    }

    /// <summary>The last part of paths, where it tells them apart.</summary>
    private static string[] Names(string[] models)
    {
        string[] last = [.. models.Select(m => OpenAiClient.IsUrl(m) ? m : Path.GetFileName(Path.TrimEndingDirectorySeparator(m)))];
        return last.Distinct().Count() == models.Distinct().Count() ? last : models;
    }

    private static string Shown(string metric, Share share) =>
        double.IsNaN(share.Value) ? "–"
        : metric == "latency_seconds" ? Format.Text($"{share.Value:0.00} s")
        : Format.Text($"{100 * share.Value:0.0} %{(double.IsNaN(share.Error) ? "" : Format.Text($" ± {100 * share.Error:0.0}"))}");
}
