using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink sft</c>.</summary>
internal static class SftVerb
{
    public static Verb Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("sft")) };
        Option<string> output = RunReport.Out(), model = new("--model") { Description = "model to start from, instead of the recipe's", HelpName = "PATH" },
            template = new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(), changed = RunReport.AllowChangedData();
        return new Verb("sft", "teaches a model to answer, from conversations, all weights or a low-rank adapter", [recipe, output, model, template, resume, changed], Run,
            "ink sft lora --model models/qwen2.5-0.5b --data.train conversations.jsonl --out runs/lora",
            "ink sft my-recipe.yaml --train.epochs 2 --adapter.rank 16 --resume")
        { TakesRecipeKeys = true };

        int Run(Call call)
        {
            SftRecipe loaded = SftRecipe.Load(Presets.Recipe(call.Get(recipe)!, "sft"), RunReport.Overrides(call, ("out", call.Get(output)), ("model.path", call.Get(model)), ("template", call.Get(template))));
            (RunResult result, ConversationSet data) = Do(call, loaded, call.Get(resume), call.Force, call.Get(changed));
            JsonObject json = RunReport.Json(loaded, result);
            json["train_conversations"] = data.TrainConversations;
            json["valid_conversations"] = data.ValidConversations;
            json["train_examples"] = data.Train.Count;
            json["split_conversations"] = data.Split;
            json["skipped_conversations"] = data.Skipped.Sum(s => s.Count);
            json["truncated_conversations"] = data.Truncated?.Count ?? 0;
            json["learned_tokens"] = data.Learned;
            call.Result(json, o => RunReport.People(o, result, $"try: ink chat --model {loaded.Out}"));
            return result.Interrupted ? 130 : 0;
        }
    }

    /// <summary>The run under this call's progress, threads and signals.</summary>
    public static (RunResult Result, ConversationSet Data) Do(Call call, SftRecipe recipe, bool resume, bool force, bool allowChangedData = false)
        => call.WithTrainLog(log => call.Compute(device =>
        {
            using DirectoryLock held = DirectoryLock.Take(recipe.Out);
            PeakMeasure peak = new(device);
            using Sft run = new(recipe, device, new RunOptions(resume, force, peak.Measure, call.Warn, allowChangedData));
            ConversationSet data = run.Conversations;
            call.Say(Figures.Of($"{data.TrainConversations:N0} conversations, {Figures.Count(data.Tokens)} tokens of which {Figures.Count(data.Learned)} are learned; {data.ValidConversations:N0} held out"));
            if (data.Split > 0)
            {
                call.Say(Figures.Of($"{data.Split:N0} conversations are learned turn by turn, as {data.SplitExamples:N0} examples: each answer behind the conversation before it, as a model sees that when it answers (data.split_turns)"));
            }
            call.Say(RunReport.Plan(run.Plan, peak.Share));
            return (call.Saving(() => run.Run(log, call.Cancelled)), data);
        }, recipe.Device.Threads, recipe.Device.Precision));
}
