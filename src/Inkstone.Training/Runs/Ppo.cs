using System.Globalization;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of PPO: prompts, answers by the policy itself, rewards, advantages by a critic, steps.</summary>
public sealed class Ppo : RolloutRun
{
    private const string CriticFile = "value_head.state",
        Coefficient = "kl_coef";

    private readonly PpoRecipe _recipe;
    private readonly PpoObjective _objective;
    private double _klCoefficient;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Ppo(PpoRecipe recipe, Device device, RunOptions options)
        : base(recipe with { Train = options.Deal(recipe.Train) }, recipe.Data, recipe.Rollout, recipe.Rewards, device, options)
    {
        (_recipe, _klCoefficient) = (recipe, recipe.Loss.KlCoefficient);
        _objective = new PpoObjective(Parts.Model, recipe.Loss.Loss, recipe.Rollout.Temperature);
        if (Start.Checkpoint is { } checkpoint)
        {
            ReadCritic(checkpoint);
        }
        Begin(_objective.ComputeLoss, recipe.Loss.KlCoefficient > 0 ? new PolicyOptions() : null, perAnswer: false, _objective.Trained);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _objective.Dispose();
        base.Dispose();
    }

    private protected override void Write(string directory)
    {
        base.Write(directory);
        SafetensorsWriter.Write(
            Path.Combine(directory, CriticFile),
            [new NamedTensor(PpoObjective.HeadName, _objective.Head)],
            new Dictionary<string, string> { [Coefficient] = _klCoefficient.ToString("R", CultureInfo.InvariantCulture) }
        );
    }

    private void ReadCritic(string directory)
    {
        string path = Path.Combine(directory, CriticFile);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException(
                $"{path} is missing, and with it what the critic had learned; go on from another checkpoint, or begin anew with --force"
            );
        }
        using SafetensorsFile file = SafetensorsFile.Open(path);
        _objective.Head.CopyFrom(file.ReadFloats(PpoObjective.HeadName));
        _klCoefficient = double.Parse(file.Metadata[Coefficient], CultureInfo.InvariantCulture);
    }

    private protected override Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts)
    {
        Rollout rollout = Parts.Roll(prompts, out double[][] rewards);
        PpoSection o = _recipe.Loss;
        List<RolledAnswer> answers = rollout.Answers;
        TokenRuns old = new(),
            values = new(),
            reference = new(),
            given = new(),
            advantages = new(),
            returns = new();
        Source.ForEach(
            rollout,
            (batch, of) =>
            {
                _objective.Recall(batch.Answers, old, values);
                Reference?.LogProbs(batch.Answers, reference);
                for (int i = 0; i < of.Count; i++)
                {
                    (of[i].Old, of[i].Values, of[i].Reference) = (
                        old[i].ToArray(),
                        values[i].ToArray(),
                        Reference is null ? null : reference[i].ToArray()
                    );
                }
            }
        );
        double drift = 0;
        for (int i = 0; i < answers.Count; i++)
        {
            Span<double> run = given.Add(answers[i].Ids.Length);
            for (int t = 0; t < run.Length && Reference is not null; t++)
            {
                double apart = answers[i].Old![t] - answers[i].Reference![t];
                (run[t], drift) = (-_klCoefficient * apart, drift + apart);
            }
            double sum = Parts.Rewards.Sum(rewards[i]);
            run[^1] += (double.IsFinite(sum) ? sum : 0) - (answers[i].Ended ? 0 : o.MissingEosPenalty);
        }
        if (o.WhitenRewards)
        {
            PpoLoss.Whiten(given, keepMean: true);
        }
        o.Loss.Estimate(given, TokenRuns.FromLists(answers.Select(a => a.Values!)), advantages, returns);
        if (o.WhitenAdvantages)
        {
            PpoLoss.Whiten(advantages);
        }
        Correct(answers, advantages);
        for (int i = 0; i < answers.Count; i++)
        {
            (answers[i].Advantages, answers[i].Returns) = (advantages[i].ToArray(), returns[i].ToArray());
        }
        // One group of all answers: what logs show of rewards, without GRPO's advantages.
        _ = Advantages.OfGroups(
            new AdvantageOptions(answers.Count) { Weights = Parts.Rewards.Weights },
            rewards,
            rollout.Told,
            Parts.Rewards.Names
        );
        rollout.Told.RemoveAll(m => m.Name == "frac_reward_zero_std");
        rollout.Told.AddRange([new("objective/kl", drift, answers.Count), new("objective/kl_coef", _klCoefficient, 1)]);
        if (o.KlTarget is { } target)
        {
            _klCoefficient *= 1 + Math.Clamp(drift / answers.Count / target - 1, -0.2, 0.2) * answers.Count / o.KlHorizon;
        }
        return rollout;
    }

    /// <summary>Answers that the sampler found otherwise likely than the trainer count by the ratio.</summary>
    private void Correct(List<RolledAnswer> answers, TokenRuns advantages)
    {
        if (_recipe.Rollout.Ratio is not { } correction)
        {
            return;
        }
        TokenRuns ratios = new();
        correction.Compute(TokenRuns.FromLists(answers.Select(a => a.Old!)), TokenRuns.FromLists(answers.Select(a => a.Sampled)), ratios);
        for (int i = 0; i < answers.Count; i++)
        {
            for (int t = 0; t < advantages.Length(i); t++)
            {
                advantages[i][t] *= ratios[i][ratios.Length(i) == 1 ? 0 : t];
            }
        }
    }
}
