using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink sft</c>.</summary>
internal static class SftCommand
{
    public static CliCommand Create()
    {
        TuningFlags flags = new("sft", "model to start from");
        return flags.Command(
            "teaches a model to answer, from conversations, all weights or a low-rank adapter",
            Run,
            [
                "ink sft lora --model models/qwen2.5-0.5b --data.train conversations.jsonl --out runs/lora",
                "ink sft my-recipe.yaml --train.epochs 2 --adapter.rank 16 --resume",
            ]
        );

        int Run(CommandContext call)
        {
            SftRecipe loaded = flags.Load(call, (path, keys) => SftRecipe.Load(path, keys));
            (RunResult result, ConversationSet data) = flags.Train(
                call,
                loaded,
                (device, options) => new Sft(loaded, device, options),
                run => Tell(call, run.Conversations)
            );
            JsonObject json = RunReport.Json(loaded, result);
            json["train_conversations"] = data.TrainConversations;
            json["valid_conversations"] = data.ValidConversations;
            json["train_examples"] = data.Train.Count;
            json["split_conversations"] = data.Split;
            json["skipped_conversations"] = data.Skipped.Sum(s => s.Count);
            json["truncated_conversations"] = data.Truncated?.Count ?? 0;
            json["learned_tokens"] = data.LossTokens;
            call.Result(json, o => RunReport.People(o, result, $"try: ink chat --model {loaded.Out}"));
            return result.Interrupted ? 130 : 0;
        }
    }

    /// <summary>The run under this call's progress, threads and signals.</summary>
    public static (RunResult Result, ConversationSet Data) Train(CommandContext call, SftRecipe recipe, bool resume, bool force) =>
        TuningFlags.Train(
            call,
            recipe,
            resume,
            force,
            allowChangedData: false,
            (device, options) => new Sft(recipe, device, options),
            run => Tell(call, run.Conversations)
        );

    /// <summary>Says what conversations became, and gives them.</summary>
    public static ConversationSet Tell(CommandContext call, ConversationSet data)
    {
        call.Say(
            Format.Text(
                $"{data.TrainConversations:N0} conversations, {Format.Count(data.Tokens)} tokens of which {Format.Count(data.LossTokens)} are learned; {data.ValidConversations:N0} held out"
            )
        );
        if (data.Split > 0)
        {
            call.Say(
                Format.Text(
                    $"{data.Split:N0} conversations are learned turn by turn, as {data.SplitExamples:N0} examples: each answer behind the conversation before it, as a model sees that when it answers (data.split_turns)"
                )
            );
        }
        return data;
    }
}
