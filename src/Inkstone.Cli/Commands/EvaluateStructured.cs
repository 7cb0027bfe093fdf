using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Client;
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
internal static partial class EvaluateStructured
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
                            Ask(
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
}
