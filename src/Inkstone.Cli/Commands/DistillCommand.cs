using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink distill</c>.</summary>
internal static class DistillCommand
{
    public static CliCommand Create()
    {
        TuningFlags flags = new("distill", "the student");
        Option<string> teacher = new("--teacher") { Description = "the teacher, instead of the recipe's", HelpName = "PATH" };
        return flags.Command(
            "teaches a small model what a larger one of the same vocabulary finds likely",
            Run,
            [
                "ink distill conversations --model runs/small --teacher runs/large --data.train conversations.jsonl --out runs/student",
                "ink distill my-recipe.yaml --loss.beta 0 --loss.temperature 2",
            ],
            teacher
        );

        int Run(CommandContext call)
        {
            DistillRecipe loaded = flags.Load(call, (path, keys) => DistillRecipe.Load(path, keys), ("teacher.path", call.Get(teacher)));
            (RunResult result, ConversationSet data) = flags.Train(
                call,
                loaded,
                (device, options) => new Distillation(loaded, device, options),
                run => SftCommand.Tell(call, run.Conversations)
            );
            JsonObject json = RunReport.Json(loaded, result);
            json["train_conversations"] = data.TrainConversations;
            json["valid_conversations"] = data.ValidConversations;
            RunReport.AddMetrics(json, result);
            call.Result(json, o => RunReport.People(o, result, $"try: ink chat --model {loaded.Out}"));
            return result.Interrupted ? 130 : 0;
        }
    }
}
