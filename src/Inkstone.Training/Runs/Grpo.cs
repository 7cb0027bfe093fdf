using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of reinforcement learning without a critic (GRPO and its relatives, RLOO): prompts, answers by the policy itself, rewards, steps.</summary>
public sealed class Grpo : IDisposable
{
    private readonly GrpoRecipe _recipe;
    private readonly RolloutParts _parts;
    private readonly PolicySource _source;
    private readonly PolicyObjective _objective;
    private readonly ReferenceModel? _reference;
    private readonly TrainRun<PolicyBatch> _run;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Grpo(GrpoRecipe recipe, Device device, RunOptions options)
    {
        _recipe = recipe;
        RunStart start = RunStart.Of(recipe, options, [.. recipe.Data.Train, .. recipe.Data.Valid, recipe.Model.Path, recipe.Tokenizer, File.Exists(recipe.Template) ? recipe.Template : null]);
        _parts = new RolloutParts(recipe, recipe.Data, recipe.Rollout, recipe.Rewards, start, device, options);
        CausalLm model = _parts.Model;
        PolicyOptions loss = recipe.Loss.Options;
        _objective = new PolicyObjective(model, loss, recipe.Rollout.MaxTokens, recipe.Rollout.Temperature) { Correction = recipe.Rollout.Ratio };
        _reference = recipe.Loss.Beta > 0 ? new ReferenceModel(recipe, model, device, loss, recipe.Rollout.MaxTokens, recipe.Rollout.Temperature) : null;
        _source = new PolicySource(_parts.Prompts.Train, recipe.Rollout.MaxTokens, recipe.Rollout.Sourcing(recipe.Train, loss.PerAnswer, model.SharesPrompts, recipe.Data.Shuffle), Roll);
        if (start.Checkpoint is { } checkpoint)
        {
            _source.Read(checkpoint);
        }
        _run = new TrainRun<PolicyBatch>(recipe, start, new RunParts<PolicyBatch>(model, _parts.Tuned.Tokenizer, _source, _parts.HeldOut, Data.RunData(recipe.Rollout.Generations, recipe.Rollout.MaxTokens), FromNothing: false,
            HeldOutAnswers.Measured(_objective.Of, device), Write, _parts.Tuned.Answer)
        {
            LossBound = double.PositiveInfinity,   // a loss of advantages is no likelihood
            Shown = () => _source.Last?.Shown ?? [],
        });
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>What the data became.</summary>
    public PromptSet Data => _parts.Prompts;

    /// <summary>Trains to the end, or until cancelled and saved. A whole adapter run leaves the last and the best adapter in OUT/final and OUT/best.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunResult result = _run.Run(screen, cancelled);
        _parts.Tuned.Keep(result);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reference?.Dispose();
        _parts.Dispose();
    }

    private void Write(string directory)
    {
        _parts.Tuned.Write(directory);
        _source.Write(directory);
    }

    private Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts)
    {
        Rollout rollout = _parts.Roll(prompts, out double[][] rewards);
        AdvantageOptions options = _recipe.Loss.Advantages with { GroupSize = _recipe.Rollout.Generations, Weights = _parts.Rewards.Weights };
        bool rloo = _recipe.Loss.Options.Kind == PolicyKind.Rloo, again = _recipe.Rollout.Iterations * _recipe.Rollout.StepsPerGeneration > 1;
        if (again || _reference is not null)
        {
            Recall(rollout, again || rloo);
        }
        double[]? drift = rloo && _reference is not null ? [.. rollout.Answers.Select(a => a.Old!.Sum() - a.Reference!.Sum())] : null;
        if (drift is not null)
        {
            rollout.Told.Add(new MetricTerm("kl", drift.Sum(), rollout.Answers.Sum(a => a.Ids.Length)));
        }
        double[] advantages = rloo ? Advantages.LeaveOneOut(options, rewards, drift, _recipe.Loss.Beta, rollout.Told, _parts.Rewards.Names) : Advantages.OfGroups(options, rewards, rollout.Told, _parts.Rewards.Names);
        for (int i = 0; i < advantages.Length; i++)
        {
            rollout.Answers[i].Advantages = [advantages[i]];
        }
        return rollout;
    }

    /// <summary>What the weights that wrote the answers say of them, and the reference.</summary>
    private void Recall(Rollout rollout, bool old)
    {
        TokenRuns runs = new();
        _source.ForEach(rollout, (batch, answers) =>
        {
            if (old)
            {
                _objective.LogProbs(batch.Answers, runs);
                for (int i = 0; i < answers.Count; i++)
                {
                    answers[i].Old = runs[i].ToArray();
                }
            }
            if (_reference is not null)
            {
                _reference.LogProbs(batch.Answers, runs);
                for (int i = 0; i < answers.Count; i++)
                {
                    answers[i].Reference = runs[i].ToArray();
                }
            }
        });
    }
}
