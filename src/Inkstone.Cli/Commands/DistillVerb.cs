using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink distill</c>.</summary>
internal static class DistillVerb
{
    public static Verb Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names("distill")) };
        Option<string> output = RunReport.Out(), model = new("--model") { Description = "the student, instead of the recipe's", HelpName = "PATH" },
            teacher = new("--teacher") { Description = "the teacher, instead of the recipe's", HelpName = "PATH" },
            template = new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(), changed = RunReport.AllowChangedData();
        return new Verb("distill", "teaches a small model what a larger one of the same vocabulary finds likely", [recipe, output, model, teacher, template, resume, changed], Run,
            "ink distill conversations --model runs/small --teacher runs/large --data.train conversations.jsonl --out runs/student",
            "ink distill my-recipe.yaml --loss.beta 0 --loss.temperature 2")
        { TakesRecipeKeys = true };

        int Run(Call call)
        {
            DistillRecipe loaded = DistillRecipe.Load(Presets.Recipe(call.Get(recipe)!, "distill"),
                RunReport.Overrides(call, ("out", call.Get(output)), ("model.path", call.Get(model)), ("teacher.path", call.Get(teacher)), ("template", call.Get(template))));
            (RunResult result, ConversationSet data) = call.WithTrainLog(log => call.Compute(device =>
            {
                using DirectoryLock held = DirectoryLock.Take(loaded.Out);
                PeakMeasure peak = new(device);
                using Distillation run = new(loaded, device, new RunOptions(call.Get(resume), call.Force, peak.Measure, call.Warn, call.Get(changed)));
                ConversationSet set = run.Conversations;
                call.Say(Figures.Of($"{set.TrainConversations:N0} conversations, {Figures.Count(set.Tokens)} tokens of which {Figures.Count(set.Learned)} are learned; {set.ValidConversations:N0} held out"));
                call.Say(RunReport.Plan(run.Plan, peak.Share));
                return (call.Saving(() => run.Run(log, call.Cancelled)), set);
            }, loaded.Device.Threads, loaded.Device.Precision));
            JsonObject json = RunReport.Json(loaded, result);
            json["train_conversations"] = data.TrainConversations;
            json["valid_conversations"] = data.ValidConversations;
            RunReport.AddMetrics(json, result);
            call.Result(json, o => RunReport.People(o, result, $"try: ink chat --model {loaded.Out}"));
            return result.Interrupted ? 130 : 0;
        }
    }
}
