using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink grpo</c> and <c>ink ppo</c>.</summary>
internal static class GrpoVerb
{
    public static Verb Create() => Make("grpo", "teaches a model by rewards of its own answers, each compared with the others to its prompt", [
        "ink grpo arithmetic --model models/smollm2-135m-instruct --out runs/grpo", "ink grpo my-recipe.yaml --loss.type dr_grpo --rollout.num_generations 16 --resume"],
        (path, keys) => GrpoRecipe.Load(path, keys), (recipe, device, options) => new Grpo(recipe, device, options), r => (r.Plan, r.Data), (r, log, cancelled) => r.Run(log, cancelled));

    public static Verb CreatePpo() => Make("ppo", "teaches a model by rewards of its own answers, measured against what a critic expected", [
        "ink ppo arithmetic --model models/smollm2-135m-instruct --out runs/ppo", "ink ppo my-recipe.yaml --loss.kl_coef 0.02 --loss.kl_target 6 --resume"],
        (path, keys) => PpoRecipe.Load(path, keys), (recipe, device, options) => new Ppo(recipe, device, options), r => (r.Plan, r.Data), (r, log, cancelled) => r.Run(log, cancelled));

    private static Verb Make<TRecipe, TRun>(string name, string summary, string[] examples, Func<string, List<KeyValuePair<string, string>>, TRecipe> load, Func<TRecipe, Inkstone.Tensors.Device, RunOptions, TRun> open,
        Func<TRun, (RunPlan Plan, PromptSet Data)> told, Func<TRun, ITrainLog?, CancellationToken, RunResult> train) where TRecipe : ITuningRecipe where TRun : IDisposable
    {
        Argument<string> recipe = new("RECIPE") { Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names(name)) };
        Option<string> output = RunReport.Out(), model = new("--model") { Description = "model or adapter to start from, instead of the recipe's", HelpName = "PATH" },
            template = new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
        Option<bool> resume = RunReport.Resume(), changed = RunReport.AllowChangedData();
        return new Verb(name, summary, [recipe, output, model, template, resume, changed], Run, examples[0], examples[1]) { TakesRecipeKeys = true };

        int Run(Call call)
        {
            TRecipe loaded = load(Presets.Recipe(call.Get(recipe)!, name), RunReport.Overrides(call, ("out", call.Get(output)), ("model.path", call.Get(model)), ("template", call.Get(template))));
            (RunResult result, PromptSet data) = call.WithTrainLog(log => call.Compute(device =>
            {
                using DirectoryLock held = DirectoryLock.Take(loaded.Out);
                PeakMeasure peak = new(device);
                using TRun run = open(loaded, device, new RunOptions(call.Get(resume), call.Force, peak.Measure, call.Warn, call.Get(changed)));
                (RunPlan plan, PromptSet prompts) = told(run);
                call.Say(Figures.Of($"{prompts.Train.Count:N0} prompts; {prompts.Valid.Count:N0} held out"));
                call.Say(RunReport.Plan(plan, peak.Share));
                return (call.Saving(() => train(run, log, call.Cancelled)), prompts);
            }, loaded.Device.Threads, loaded.Device.Precision));
            JsonObject json = RunReport.Json(loaded, result);
            json["train"] = data.Train.Count;
            json["valid"] = data.Valid.Count;
            json["left_out"] = data.Skipped.Sum(s => s.Count);
            RunReport.AddMetrics(json, result);
            call.Result(json, o =>
            {
                if (result.Last is { } last)
                {
                    o.WriteLine(Figures.Of($"mean reward of {last.Labels:N0} held-out prompts {-last.Loss:0.000}{(result.First is { } first ? Figures.Of($" ({-first.Loss:0.000} before)") : "")}"));
                }
                RunReport.People(o, result with { Last = null }, $"try: ink chat --model {loaded.Out}");   // its held-out loss is minus that reward
            });
            return result.Interrupted ? 130 : 0;
        }
    }
}
