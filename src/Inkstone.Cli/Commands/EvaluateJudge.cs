using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Client;
using Inkstone.Evaluation;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink evaluate judge</c>.</summary>
internal static class EvaluateJudge
{
    public static CliCommand Create()
    {
        Option<string> judge = new("--judge")
        {
            Description =
                "the model that judges: the address of a server with OpenAI's API (http://HOST/v1#MODEL), or a model of this machine",
            HelpName = "URL",
            Required = true,
        };
        Option<string> first = new("--answers")
        {
            Description = "answers of one side: lines or an array of {id?, prompt, output}",
            HelpName = "FILE",
            Required = true,
        };
        Option<string> second = new("--against")
        {
            Description = "answers of the other side to the same prompts",
            HelpName = "FILE",
            Required = true,
        };
        Option<int?> limit = new("--limit") { Description = "the first N prompts", HelpName = "N" };
        Option<int> parallel = new("--parallel")
        {
            Description = "questions that are asked side by side",
            HelpName = "N",
            DefaultValueFactory = _ => 16,
        };
        Option<string> key = new("--api-key") { Description = "key for an address; also the variable OPENAI_API_KEY", HelpName = "KEY" };
        Option<string> weights = Flags.Weights();
        return new CliCommand(
            "judge",
            "another model says which of two answers is better, asked both ways round",
            [judge, first, second, limit, parallel, key, weights],
            Run,
            "ink evaluate judge --judge http://127.0.0.1:8080/v1 --answers tuned.jsonl --against base.jsonl",
            "ink evaluate judge --judge models/judge.gguf --answers tuned.jsonl --against base.jsonl --json"
        );

        int Run(CommandContext call)
        {
            IReadOnlyList<AnswerPair> pairs = AnswerPair.Read(call.Get(first)!, call.Get(second)!);
            pairs = call.Get(limit) is { } most
                ? most > 0
                    ? [.. pairs.Take(most)]
                    : throw new ArgumentException($"--limit must be 1 or more, got {most}")
                : pairs;
            int together = call.Between(parallel, 1, 1024);
            string path = call.Get(judge)!;
            IReadOnlyList<JudgedPair> judged;
            if (OpenAiClient.IsUrl(path))
            {
                using OpenAiClient client = new(path, call.Get(key) ?? Environment.GetEnvironmentVariable("OPENAI_API_KEY"));
                judged = Ask(call, pairs, new OpenAiStructuredModel(path, client), together);
            }
            else
            {
                judged = Ask(call, pairs, path, call.Get(weights), together);
            }
            IReadOnlyDictionary<string, Share> summary = JudgeRun.Summary(judged);
            JsonObject json = new()
            {
                ["judge"] = path,
                ["pairs"] = judged.Count,
                ["metrics"] = new JsonObject(
                    summary.Select(s =>
                        KeyValuePair.Create(
                            s.Key,
                            (JsonNode?)
                                new JsonObject
                                {
                                    ["value"] = Finite(s.Value.Value),
                                    ["stderr"] = Finite(s.Value.Error),
                                    ["n"] = s.Value.Count,
                                }
                        )
                    )
                ),
                ["verdicts"] = new JsonArray([
                    .. judged.Select(j =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["id"] = j.Id,
                                ["forward"] = j.Forward,
                                ["backward"] = j.Backward,
                                ["score"] = j.Score,
                            }
                    ),
                ]),
            };
            return call.Result(json, _ => Print(call, summary, call.Get(first)!, call.Get(second)!));
        }
    }

    private static IReadOnlyList<JudgedPair> Ask(
        CommandContext call,
        IReadOnlyList<AnswerPair> pairs,
        string path,
        string? weights,
        int parallel
    )
    {
        Tokenizer tokenizer = Models.Tokenizer(path, call);
        using Device device = call.NewDevice();
        using CausalLm model = ComputeThread.Run(() => Models.Open(path, device, weights));
        AsyncEngine engine = new(model, tokenizer, new EngineOptions { MaxSequences = parallel, MaxWaiting = 2 * pairs.Count });
        try
        {
            return Ask(
                call,
                pairs,
                new EngineStructuredModel(path, new ChatModel(engine, GenerationSettings.Read(Models.GenerationConfig(path)))),
                parallel
            );
        }
        finally
        {
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static IReadOnlyList<JudgedPair> Ask(
        CommandContext call,
        IReadOnlyList<AnswerPair> pairs,
        IStructuredModel judge,
        int parallel
    ) =>
        call.WithProgress(
            "judge",
            bar =>
            {
                int done = 0;
                return new JudgeRun(pairs)
                    .AskAsync(
                        judge,
                        parallel,
                        () =>
                            bar.Report(
                                (Interlocked.Increment(ref done) / (2.0 * pairs.Count), $"{done:N0} of {2 * pairs.Count:N0} verdicts")
                            ),
                        call.Cancelled
                    )
                    .GetAwaiter()
                    .GetResult();
            }
        );

    private static void Print(CommandContext call, IReadOnlyDictionary<string, Share> summary, string first, string second)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("", "share", "n");
        foreach ((string name, Share share) in summary)
        {
            table.AddRow([
                .. new[]
                {
                    name.Replace('_', ' '),
                    double.IsNaN(share.Value) ? "–" : Format.Text($"{100 * share.Value:0.0} % ± {100 * share.Error:0.0}"),
                    Format.Text($"{share.Count:N0}"),
                }.Select(Markup.Escape),
            ]);
        }
        call.Page.Write(table);
        call.Out.WriteLine(
            $"score, wins and losses are those of {first} against {second}. A win counts where both ways round say so; agreement is how often they say the same, first place how often the answer shown first wins."
        );
    }

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 6) : null;
}
