using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run that learns from rewards of the policy's own answers: prompts, answers, rewards, steps. What rewards become, and the
/// loss, is the kind's.</summary>
public abstract class RolloutRun : ITuningRun
{
    private readonly ITuningRecipe _recipe;
    private readonly PromptSection _data;
    private readonly RolloutSection _rollout;
    private TrainRun<PolicyBatch>? _run;

    /// <summary>Opens model, prompts and rewards; <see cref="Begin"/> opens the rest.</summary>
    private protected RolloutRun(
        ITuningRecipe recipe,
        PromptSection data,
        RolloutSection rollout,
        IReadOnlyList<NamedReward> rewards,
        Device device,
        RunOptions options
    )
    {
        (_recipe, _data, _rollout, Device) = (recipe, data, rollout, device);
        Start = RunStart.Prepare(
            recipe,
            options,
            [.. data.Train, .. data.Valid, recipe.Model.Path, recipe.Tokenizer, File.Exists(recipe.Template) ? recipe.Template : null]
        );
        Parts = new RolloutParts(recipe, data, rollout, rewards, Start, device, options);
    }

    /// <inheritdoc/>
    public RunPlan Plan => _run!.Plan;

    /// <summary>What the data became.</summary>
    public PromptSet Data => Parts.Prompts;

    private protected Device Device { get; }

    private protected RunStart Start { get; }

    private protected RolloutParts Parts { get; }

    private protected PolicySource Source { get; private set; } = null!;

    /// <summary>What the policy is held near to, or null.</summary>
    private protected ReferenceModel? Reference { get; private set; }

    /// <inheritdoc/>
    /// <remarks>A whole adapter run leaves the last and the best adapter in OUT/final and OUT/best.</remarks>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunResult result = _run!.Run(screen, cancelled);
        Parts.Tuned.Keep(result, Start.Options.Leads);
        return result;
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        Reference?.Dispose();
        Parts.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens what needs the objective. Nothing is written or deleted before all of it fits.</summary>
    /// <param name="objective">what is minimised</param>
    /// <param name="reference">how log-probabilities of the reference are asked for; null: there is none</param>
    /// <param name="perAnswer">whether the loss counts answers, not tokens</param>
    /// <param name="trained">parameters that are trained, where they are not the model's alone</param>
    private protected void Begin(Objective<PolicyBatch> objective, PolicyOptions? reference, bool perAnswer, Parameters? trained = null)
    {
        CausalLm model = Parts.Model;
        Reference = reference is null
            ? null
            : new ReferenceModel(_recipe, model, Device, reference, _rollout.MaxTokens, _rollout.Temperature);
        Source = new PolicySource(
            Parts.Prompts.Train,
            _rollout.MaxTokens,
            _rollout.Sourcing(_recipe.Train, perAnswer, model.SharesPrompts, _data.Shuffle),
            Roll
        );
        if (Start.Checkpoint is { } checkpoint)
        {
            Source.Read(checkpoint);
        }
        _run = new TrainRun<PolicyBatch>(
            _recipe,
            Start,
            new RunParts<PolicyBatch>(
                model,
                Parts.Tuned.Tokenizer,
                Source,
                Parts.HeldOut,
                Data.RunData(_rollout.Generations, _rollout.MaxTokens),
                FromNothing: false,
                HeldOutAnswers.Measured(objective, Device),
                Write,
                Parts.Tuned.Answer
            )
            {
                Trained = trained,
                LossBound = double.PositiveInfinity, // a loss of advantages is no likelihood
                Shown = () => Source.Last?.Shown ?? [],
            }
        );
    }

    /// <summary>Answers to prompts, with all that the loss needs to know of them.</summary>
    private protected abstract Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts);

    /// <summary>What a checkpoint holds beside the optimizer's state.</summary>
    private protected virtual void Write(string directory)
    {
        Parts.Tuned.Write(directory);
        Source.Write(directory);
    }
}
