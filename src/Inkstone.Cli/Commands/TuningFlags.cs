using System.CommandLine;
using Inkstone.Files;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>What the verbs share that tune a model by a recipe: their options, and the run under a call's progress, threads and
/// signals.</summary>
/// <param name="kind">folder of the presets, and the verb's name</param>
/// <param name="model">what --model is</param>
internal sealed class TuningFlags(string kind, string model)
{
    private readonly Argument<string> _recipe = new("RECIPE")
    {
        Description = "recipe file (YAML), or a preset: " + string.Join(", ", Presets.Names(kind)),
    };
    private readonly Option<string> _output = RunReport.Out(),
        _model = new("--model") { Description = $"{model}, instead of the recipe's", HelpName = "PATH" },
        _template =
            new("--template") { Description = "chat template, instead of the tokenizer's: a .jinja file, or chatml", HelpName = "PATH" };
    private readonly Option<bool> _resume = RunReport.Resume(),
        _changed = RunReport.AllowChangedData();

    /// <summary>The verb: keys of its recipe are flags, and several processes may train.</summary>
    /// <param name="summary">what it does</param>
    /// <param name="run">does it</param>
    /// <param name="examples">two command lines</param>
    /// <param name="own">its own options, behind --model</param>
    public CliCommand Command(string summary, Func<CommandContext, int> run, string[] examples, params ReadOnlySpan<Symbol> own) =>
        new(kind, summary, [_recipe, _output, _model, .. own, _template, _resume, _changed], run, examples[0], examples[1])
        {
            TakesRecipeKeys = true,
            TakesRanks = true,
        };

    /// <summary>The recipe as the call wants it.</summary>
    /// <param name="call">the call</param>
    /// <param name="load">reads a recipe of this kind, with keys that count more than its own</param>
    /// <param name="own">keys of the verb's own options</param>
    public TRecipe Load<TRecipe>(
        CommandContext call,
        Func<string, List<KeyValuePair<string, string>>, TRecipe> load,
        params ReadOnlySpan<(string Key, string? Value)> own
    ) =>
        load(
            Presets.Recipe(call.Get(_recipe)!, kind),
            RunReport.Overrides(
                call,
                [("out", call.Get(_output)), ("model.path", call.Get(_model)), .. own, ("template", call.Get(_template))]
            )
        );

    /// <inheritdoc cref="Train{TRun, TData}(CommandContext, ITuningRecipe, bool, bool, bool, Func{Device, RunOptions, TRun}, Func{TRun, TData})"/>
    public (RunResult Result, TData Data) Train<TRun, TData>(
        CommandContext call,
        ITuningRecipe recipe,
        Func<Device, RunOptions, TRun> open,
        Func<TRun, TData> told
    )
        where TRun : ITuningRun => Train(call, recipe, call.Get(_resume), call.Force, call.Get(_changed), open, told);

    /// <summary>Opens a run and trains.</summary>
    /// <param name="call">whose progress, threads and signals count</param>
    /// <param name="recipe">what to train by</param>
    /// <param name="resume">go on from the newest checkpoint</param>
    /// <param name="force">replace what is there</param>
    /// <param name="allowChangedData">go on although the data have changed</param>
    /// <param name="open">opens the run</param>
    /// <param name="told">says what the data became, and gives it</param>
    public static (RunResult Result, TData Data) Train<TRun, TData>(
        CommandContext call,
        ITuningRecipe recipe,
        bool resume,
        bool force,
        bool allowChangedData,
        Func<Device, RunOptions, TRun> open,
        Func<TRun, TData> told
    )
        where TRun : ITuningRun =>
        call.WithTrainLog(log =>
            call.Compute(
                device =>
                {
                    using DirectoryLock? held = call.Ranks.Rank == 0 ? DirectoryLock.Take(recipe.Out) : null;
                    PeakMeasure peak = new(device);
                    using TRun run = open(
                        device,
                        new RunOptions(resume, force, peak.Measure, call.Warn, allowChangedData) { Ranks = call.Ranks }
                    );
                    TData data = told(run);
                    call.Say(RunReport.Plan(run.Plan, peak.Share));
                    return (call.Saving(() => run.Run(log, call.Cancelled)), data);
                },
                recipe.Device.Threads,
                recipe.Device.Precision
            )
        );
}
