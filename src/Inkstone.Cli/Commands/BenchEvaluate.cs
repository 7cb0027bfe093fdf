using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Evaluation;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench evaluate</c>: how much faster multiple-choice requests behind the same examples are scored when what they have in
/// common is computed once. Rounds with and without take turns.</summary>
internal static class BenchEvaluate
{
    private const int Choices = 4;

    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights(exact: true);
        Option<int> requests = new("--requests")
        {
            Description = $"requests, {Choices} for each question",
            HelpName = "N",
            DefaultValueFactory = _ => 1000,
        };
        Option<int> shots = new("--num-fewshot")
        {
            Description = "worked examples before each question, the same for all",
            HelpName = "N",
            DefaultValueFactory = _ => 5,
        };
        Option<int> rounds = new("--rounds")
        {
            Description = "measured rounds of each kind; the median of their ratios is told",
            HelpName = "R",
            DefaultValueFactory = _ => 3,
        };
        return new CliCommand(
            "evaluate",
            "scoring multiple-choice requests behind shared examples, beside the same without sharing",
            [model, weights, requests, shots, rounds],
            Run,
            "ink bench evaluate --model first-model",
            "ink bench evaluate --model model.gguf --requests 200 --rounds 2 --json"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            (int count, int examples, int measured) = (
                call.Between(requests, Choices, 1_000_000),
                call.Between(shots, 0, 100),
                BenchFlags.Rounds(call, rounds)
            );
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            (string Context, string Continuation)[] asked = [.. Requests(count, examples)];
            JsonObject result = call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                LocalModel with = new(m, tokenizer, new LocalModelOptions(), call.Warn),
                    without = new(m, tokenizer, new LocalModelOptions { PrefixSharing = false }, call.Warn);
                int longest = asked.Max(a =>
                    with.Splitter.Split(a.Context, a.Continuation) is var t ? t.Context.Length + t.Continuation.Length : 0
                );
                if (longest > m.MaxPositionEmbeddings)
                {
                    // Cut at their beginning, requests would have little in common.
                    throw new ArgumentException(
                        $"the requests have up to {longest} tokens and the model's context holds {m.MaxPositionEmbeddings}; lower --num-fewshot"
                    );
                }
                (string, string)[] few = [.. asked.Take(8 * Choices)];
                _ = (with.LogLikelihoods(few), without.LogLikelihoods(few)); // warmed up
                double[] shared = new double[measured],
                    alone = new double[measured];
                double worst = 0;
                for (int round = 0; round < measured; round++)
                {
                    IReadOnlyList<LogLikelihood> one,
                        other;
                    (shared[round], one) = Timed(with);
                    (alone[round], other) = Timed(without);
                    worst = Math.Max(worst, one.Zip(other, (a, b) => Math.Abs(a.Value - b.Value)).Max());
                    call.Say(Format.Text($"round {round + 1}: {count / shared[round]:0.0} and {count / alone[round]:0.0} requests/s"));
                }
                double[] ratios = [.. alone.Zip(shared, (a, s) => a / s)];
                return new JsonObject
                {
                    ["machine"] = CpuFeatures.Describe(),
                    ["requests"] = count,
                    ["num_fewshot"] = examples,
                    ["tokens"] = asked.Sum(a =>
                        with.Splitter.Split(a.Context, a.Continuation) is var t ? t.Context.Length + t.Continuation.Length : 0
                    ),
                    ["shared_requests_per_second"] = new JsonArray([.. shared.Select(s => (JsonNode)(count / s))]),
                    ["unshared_requests_per_second"] = new JsonArray([.. alone.Select(s => (JsonNode)(count / s))]),
                    ["median_ratio"] = ratios.Order().ElementAt(measured / 2),
                    ["least_ratio"] = ratios.Min(),
                    ["largest_difference"] = worst,
                };

                (double, IReadOnlyList<LogLikelihood>) Timed(LocalModel of)
                {
                    long began = Stopwatch.GetTimestamp();
                    IReadOnlyList<LogLikelihood> found = of.LogLikelihoods(asked, null, call.Cancelled);
                    return (Stopwatch.GetElapsedTime(began).TotalSeconds, found);
                }
            });
            return call.Result(result, output => Print(call, result, output));
        }
    }

    private static void Print(CommandContext call, JsonObject f, TextWriter output)
    {
        output.WriteLine((string)f["machine"]!);
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("requests/s", "shared", "not shared", "ratio");
        JsonArray shared = f["shared_requests_per_second"]!.AsArray(),
            alone = f["unshared_requests_per_second"]!.AsArray();
        for (int round = 0; round < shared.Count; round++)
        {
            (double with, double without) = ((double)shared[round]!, (double)alone[round]!);
            table.AddRow(
                $"round {round + 1}",
                Format.Text($"{with:0.0}"),
                Format.Text($"{without:0.0}"),
                Format.Text($"{with / without:0.00}")
            );
        }
        call.Page.Write(table);
        output.WriteLine(
            Format.Text(
                $"{(int)f["requests"]!:N0} requests, {(int)f["num_fewshot"]!} examples, {(int)f["tokens"]! / (int)f["requests"]!} tokens each: {(double)f["median_ratio"]!:0.00} times as many a second in the median, {(double)f["least_ratio"]!:0.00} in the least; log-likelihoods differ by {(double)f["largest_difference"]!:0.0e0} at most"
            )
        );
    }

    /// <summary>Questions of sums with four choices each, behind the same worked examples.</summary>
    private static IEnumerable<(string Context, string Continuation)> Requests(int count, int shots)
    {
        string before = string.Concat(Enumerable.Range(0, shots).Select(i => $"{Question(i)} {Answer(i, i % Choices)}\n\n"));
        for (int i = 0; i < count; i++)
        {
            int question = shots + (i / Choices);
            yield return (before + Question(question), " " + Answer(question, i % Choices));
        }

        static string Question(int i) =>
            $"Question: A shop has {A(i)} brushes on one shelf and {B(i)} brushes on another, and nothing is sold. How many brushes are there in all?\nAnswer:";

        static string Answer(int i, int choice) =>
            $"there are {A(i) + B(i) + (10 * ((choice + i) % Choices))} brushes on both shelves together";

        static int A(int i) => 10 + (i * 37 % 89);

        static int B(int i) => 10 + (i * 53 % 83);
    }
}
