using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Preferences that a model makes itself: the right answer to a question it has learned, against the wrong one that it finds
/// likeliest among several that it draws.</summary>
internal static class OwnMistakes
{
    private const int AnswerTokens = 40,
        AnswersEach = 4;

    /// <summary>Writes <c>{prompt, chosen, rejected}</c>, the prompt and both answers as messages; questions that are always answered rightly
    /// make no pair.</summary>
    /// <param name="call">whose progress, threads and signals count</param>
    /// <param name="checkpoint">the model</param>
    /// <param name="tokenizer">its tokenizer</param>
    /// <param name="conversations">JSONL of <c>{messages}</c> that end in the right answer</param>
    /// <param name="count">how many of them are asked, spread evenly over the file</param>
    /// <param name="seed">of the answers</param>
    /// <param name="output">JSONL to write</param>
    /// <returns>pairs that were written</returns>
    public static long Write(
        CommandContext call,
        string checkpoint,
        Tokenizer tokenizer,
        string conversations,
        int count,
        ulong seed,
        string output
    )
    {
        SamplingParams sampling = new SamplingParams(MaxTokens: AnswerTokens, Seed: seed)
        {
            StopTokenIds = new ChatPrompt(tokenizer).EndTokens,
        }.Validate();
        return call.WithProgress(
            "answers",
            bar =>
                call.Compute(device =>
                {
                    using CausalLm model = Pretrained.Open(checkpoint, device, trained: false);
                    using BestOf writer = new(model, tokenizer, AnswersEach, sampling, rewards: null, call.Warn);
                    IReadOnlyList<PolicyPrompt> all = writer.Prompts([conversations]).Train,
                        asked =

                        [
                            .. Enumerable
                                .Range(0, Math.Min(count, all.Count))
                                .Select(i => all[(int)((long)i * all.Count / Math.Min(count, all.Count))]),
                        ];
                    int done = 0;
                    return RecordExport
                        .ToJsonl(
                            output,
                            writer
                                .Write(asked, call.Cancelled)
                                .Select(answered =>
                                {
                                    bar.Report(((double)++done / asked.Count, $"{done:N0} of {asked.Count:N0} questions"));
                                    return Pair(answered.Prompt, answered.Answers);
                                })
                                .OfType<JsonObject>()
                        )
                        .Rows;
                })
        );
    }

    private static JsonObject? Pair(PolicyPrompt prompt, IReadOnlyList<ScoredAnswer> likeliestFirst)
    {
        string right = (string)prompt.Row["answer"]!;
        return likeliestFirst.FirstOrDefault(a => a.Text != right && a.Text.Length > 0) is { } wrong
            ? new JsonObject
            {
                ["prompt"] = prompt.Messages!.DeepClone(),
                ["chosen"] = Said(right),
                ["rejected"] = Said(wrong.Text),
            }
            : null;
    }

    private static JsonArray Said(string text) => [(JsonNode)new JsonObject { ["role"] = "assistant", ["content"] = text }];
}
