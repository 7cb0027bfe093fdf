using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of reinforcement learning without a critic (GRPO and its relatives, RLOO): prompts, answers by the policy itself,
/// rewards, steps.</summary>
public sealed class Grpo : RolloutRun
{
    private readonly GrpoRecipe _recipe;
    private readonly PolicyObjective _objective;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Grpo(GrpoRecipe recipe, Device device, RunOptions options)
        : base(recipe with { Train = options.Deal(recipe.Train) }, recipe.Data, recipe.Rollout, recipe.Rewards, device, options)
    {
        _recipe = recipe;
        PolicyOptions loss = recipe.Loss.Options;
        _objective = new PolicyObjective(Parts.Model, loss, recipe.Rollout.MaxTokens, recipe.Rollout.Temperature)
        {
            Correction = recipe.Rollout.Ratio,
        };
        Begin(_objective.ComputeLoss, recipe.Loss.Beta > 0 ? loss : null, loss.PerAnswer);
    }

    private protected override Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts)
    {
        Rollout rollout = Parts.Roll(prompts, out double[][] rewards);
        AdvantageOptions options = _recipe.Loss.Advantages with
        {
            GroupSize = _recipe.Rollout.Generations,
            Weights = Parts.Rewards.Weights,
        };
        bool rloo = _recipe.Loss.Options.Kind == PolicyKind.Rloo,
            again = _recipe.Rollout.Iterations * _recipe.Rollout.StepsPerGeneration > 1;
        if (again || Reference is not null)
        {
            Recall(rollout, again || rloo);
        }
        double[]? drift = rloo && Reference is not null ? [.. rollout.Answers.Select(a => a.Old!.Sum() - a.Reference!.Sum())] : null;
        if (drift is not null)
        {
            rollout.Told.Add(new MetricTerm("kl", drift.Sum(), rollout.Answers.Sum(a => a.Ids.Length)));
        }
        double[] advantages = rloo
            ? Advantages.LeaveOneOut(options, rewards, drift, _recipe.Loss.Beta, rollout.Told, Parts.Rewards.Names)
            : Advantages.OfGroups(options, rewards, rollout.Told, Parts.Rewards.Names);
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
        Source.ForEach(
            rollout,
            (batch, answers) =>
            {
                if (old)
                {
                    _objective.LogProbs(batch.Answers, runs);
                    for (int i = 0; i < answers.Count; i++)
                    {
                        answers[i].Old = runs[i].ToArray();
                    }
                }
                if (Reference is not null)
                {
                    Reference.LogProbs(batch.Answers, runs);
                    for (int i = 0; i < answers.Count; i++)
                    {
                        answers[i].Reference = runs[i].ToArray();
                    }
                }
            }
        );
    }
}
