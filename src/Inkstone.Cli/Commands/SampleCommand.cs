using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink sample</c>: answers to a file of prompts, as data to learn from.</summary>
internal static class SampleCommand
{
    private const int UsualTokens = 256;

    private static readonly string[] PromptKeys = ["prompt", "messages", "conversations", "question"];

    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights();
        Option<string[]> input = Flags.Inputs(
            "prompts: JSONL, JSON, CSV, Parquet or Arrow with prompt (a text or messages), messages, or question; other keys are kept, and reward functions see them"
        );
        Option<string> output = new("--out")
        {
            Description = "JSONL to write",
            HelpName = "FILE",
            Required = true,
        };
        Option<int> bestOf = new("--best-of")
        {
            Description = "answers to each prompt, of which the best is kept",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Option<string> rewards = new("--rewards")
        {
            Description =
                "YAML file whose keys are reward functions, as that section of a recipe; without it the answer counts that the model finds likeliest, by its mean log-probability a token",
            HelpName = "FILE",
        };
        Option<double> least = new("--least")
        {
            Description = "leave out prompts whose best answer has less than this (rejection sampling)",
            HelpName = "X",
        };
        Option<string> keep = new("--keep")
        {
            Description =
                "best; all answers, a line each; or pairs: the best and the worst as chosen and rejected, where they differ, for ink dpo",
            HelpName = "best|all|pairs",
            DefaultValueFactory = _ => "best",
        };
        SamplingFlags sampling = new(draws: true, UsualTokens);
        return new CliCommand(
            "sample",
            "answers a file of prompts, keeping the best of several answers",
            [model, weights, input, output, bestOf, rewards, least, keep, .. sampling.All],
            Run,
            "ink sample --model runs/chat --input prompts.jsonl --best-of 8 --out answers.jsonl",
            "ink sample --model runs/chat --input prompts.jsonl --best-of 8 --rewards rewards.yaml --keep pairs --out pairs.jsonl"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!,
                kept = call.Get(keep)!,
                file = call.Get(output)!;
            int answers = call.Between(bestOf, 1, 4096);
            if (kept is not ("best" or "all" or "pairs"))
            {
                throw new ArgumentException($"--keep must be best, all or pairs, got '{kept}'");
            }
            if (kept == "pairs" && answers < 2)
            {
                throw new ArgumentException("--keep pairs compares answers to a prompt; add --best-of 4, say");
            }
            IReadOnlyList<string> files = InputFiles.Find(call.Get(input)!);
            call.ClaimFile(file, place => JsonRecords.Read(place, []).Any(), [.. files, call.Get(rewards)]);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            SamplingParams p = sampling.Read(call, path);
            ChatPrompt chat = new(tokenizer);
            if (answers > 1 && p.Temperature == 0)
            {
                throw new ArgumentException(
                    "--best-of draws several answers, and at temperature 0 all are the same; add --temperature 1, say"
                );
            }
            Counts counts = new();
            call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                using BestOf writer = new(
                    m,
                    tokenizer,
                    answers,
                    p with
                    {
                        StopTokenIds = p.IgnoreEos ? [] : chat.EndTokens,
                    },
                    call.Get(rewards),
                    call.Warn
                );
                PromptSet prompts = writer.Prompts(files);
                foreach (SkippedRecords skipped in prompts.Skipped)
                {
                    call.Warn(skipped.Sentence("record", "left out"));
                }
                double bound = call.Has(least) ? call.Get(least) : double.NegativeInfinity;
                call.WithProgress(
                    "sample",
                    bar =>
                        RecordExport.ToJsonl(
                            file,
                            writer
                                .Write(prompts.Train, call.Cancelled)
                                .SelectMany(answered =>
                                {
                                    counts.Add(answered.Answers);
                                    bar.Report(
                                        (
                                            (double)counts.Prompts / prompts.Train.Count,
                                            Format.Text(
                                                $"{counts.Prompts:N0} of {prompts.Train.Count:N0} prompts, mean of the best {counts.Mean:0.###}"
                                            )
                                        )
                                    );
                                    return Rows(answered.Prompt, answered.Answers, kept, bound, counts);
                                })
                        )
                );
                counts.Skipped = prompts.Skipped.Sum(s => s.Count);
                return 0;
            });
            return call.Result(
                counts.Json(file),
                o =>
                    o.WriteLine(
                        Format.Text(
                            $"{counts.Rows:N0} lines in {file}; {counts.Prompts:N0} prompts, {answers} answers each, {counts.Tokens:N0} tokens; mean {counts.MeanOfAll:0.###}, of the best {counts.Mean:0.###}{(counts.LeftOut > 0 ? Format.Text($"; {counts.LeftOut:N0} prompts left out ({(kept == "pairs" ? "their answers are equally good, or none is good enough" : "no answer is good enough")})") : "")}"
                        )
                    )
            );
        }
    }

    private static IEnumerable<JsonObject> Rows(
        PolicyPrompt prompt,
        IReadOnlyList<ScoredAnswer> answers,
        string keep,
        double least,
        Counts counts
    )
    {
        (ScoredAnswer best, ScoredAnswer worst) = (answers[0], answers[^1]);
        bool differ = best.Text != worst.Text && best.Score > worst.Score;
        if (double.IsNaN(best.Score) ? !double.IsNegativeInfinity(least) : best.Score < least || (keep == "pairs" && !differ))
        {
            counts.LeftOut++;
            yield break;
        }
        foreach (ScoredAnswer answer in keep == "all" ? answers : [best])
        {
            JsonObject row = [];
            foreach ((string key, JsonNode? value) in prompt.Row.Where(r => !PromptKeys.Contains(r.Key)))
            {
                row[key] = value?.DeepClone();
            }
            if (keep == "pairs")
            {
                row["prompt"] = prompt.Messages?.DeepClone() ?? prompt.Text;
                (row["chosen"], row["rejected"]) = (Said(prompt, best), Said(prompt, worst));
                (row["chosen_score"], row["rejected_score"]) = (Number(best.Score), Number(worst.Score));
            }
            else
            {
                if (prompt.Messages is { } messages)
                {
                    row["messages"] = new JsonArray([.. messages.Select(m => m!.DeepClone()), Message(answer)]);
                }
                else
                {
                    (row["prompt"], row["completion"]) = (prompt.Text, answer.Text);
                }
                row["score"] = Number(answer.Score);
                if (answer.Rewards.Count > 0)
                {
                    row["rewards"] = new JsonObject(answer.Rewards.Select(r => KeyValuePair.Create(r.Key, (JsonNode?)Number(r.Value))));
                }
                row["finish_reason"] = answer.Ended ? "stop" : "length";
            }
            counts.Rows++;
            yield return row;
        }
    }

    private static JsonNode Said(PolicyPrompt prompt, ScoredAnswer answer) =>
        prompt.Messages is null ? JsonValue.Create(answer.Text) : new JsonArray([Message(answer)]);

    private static JsonObject Message(ScoredAnswer answer) => new JsonObject { ["role"] = "assistant", ["content"] = answer.Text };

    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(Math.Round(value, 6)) : null;

    private sealed class Counts
    {
        private double _best,
            _all;
        private int _scoredBest,
            _scored;

        public int Prompts { get; private set; }

        public long Tokens { get; private set; }

        public int Rows { get; set; }

        public int LeftOut { get; set; }

        public long Skipped { get; set; }

        public double Mean => _best / Math.Max(1, _scoredBest);

        public double MeanOfAll => _all / Math.Max(1, _scored);

        public void Add(IReadOnlyList<ScoredAnswer> answers)
        {
            Prompts++;
            Tokens += answers.Sum(a => (long)a.Tokens);
            double[] known = [.. answers.Select(a => a.Score).Where(double.IsFinite)];
            (_all, _scored) = (_all + known.Sum(), _scored + known.Length);
            if (known.Length > 0)
            {
                (_best, _scoredBest) = (_best + known.Max(), _scoredBest + 1);
            }
        }

        public JsonObject Json(string file) =>
            new()
            {
                ["out"] = file,
                ["rows"] = Rows,
                ["prompts"] = Prompts,
                ["left_out"] = LeftOut,
                ["skipped"] = Skipped,
                ["tokens"] = Tokens,
                ["mean_score"] = Number(MeanOfAll),
                ["mean_best_score"] = Number(Mean),
            };
    }
}
