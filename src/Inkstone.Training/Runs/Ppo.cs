using System.Globalization;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of PPO: prompts, answers by the policy itself, rewards, advantages by a critic, steps.</summary>
public sealed class Ppo : IDisposable
{
    private const string CriticFile = "value_head.state", Coefficient = "kl_coef";

    private readonly PpoRecipe _recipe;
    private readonly RolloutParts _parts;
    private readonly PolicySource _source;
    private readonly PpoObjective _objective;
    private readonly ReferenceModel? _reference;
    private readonly TrainRun<PolicyBatch> _run;
    private double _klCoefficient;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Ppo(PpoRecipe recipe, Device device, RunOptions options)
    {
        (_recipe, _klCoefficient) = (recipe, recipe.Loss.KlCoefficient);
        RunStart start = RunStart.Of(recipe, options, [.. recipe.Data.Train, .. recipe.Data.Valid, recipe.Model.Path, recipe.Tokenizer, File.Exists(recipe.Template) ? recipe.Template : null]);
        _parts = new RolloutParts(recipe, recipe.Data, recipe.Rollout, recipe.Rewards, start, device, options);
        CausalLm model = _parts.Model;
        _objective = new PpoObjective(model, recipe.Loss.Loss, recipe.Rollout.Temperature);
        _reference = _klCoefficient > 0 ? new ReferenceModel(recipe, model, device, new PolicyOptions(), recipe.Rollout.MaxTokens, recipe.Rollout.Temperature) : null;
        _source = new PolicySource(_parts.Prompts.Train, recipe.Rollout.MaxTokens, recipe.Rollout.Sourcing(recipe.Train, perAnswer: false, model.SharesPrompts, recipe.Data.Shuffle), Roll);
        if (start.Checkpoint is { } checkpoint)
        {
            _source.Read(checkpoint);
            ReadCritic(checkpoint);
        }
        _run = new TrainRun<PolicyBatch>(recipe, start, new RunParts<PolicyBatch>(model, _parts.Tuned.Tokenizer, _source, _parts.HeldOut, Data.RunData(recipe.Rollout.Generations, recipe.Rollout.MaxTokens), FromNothing: false,
            HeldOutAnswers.Measured(_objective.Of, device), Write, _parts.Tuned.Answer)
        {
            Trained = _objective.Trained,
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
        _objective.Dispose();
        _parts.Dispose();
    }

    private void Write(string directory)
    {
        _parts.Tuned.Write(directory);
        _source.Write(directory);
        SafetensorsWriter.Write(Path.Combine(directory, CriticFile), [new NamedTensor(PpoObjective.HeadName, _objective.Head)],
            new Dictionary<string, string> { [Coefficient] = _klCoefficient.ToString("R", CultureInfo.InvariantCulture) });
    }

    private void ReadCritic(string directory)
    {
        string path = Path.Combine(directory, CriticFile);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} is missing, and with it what the critic had learned; go on from another checkpoint, or begin anew with --force");
        }
        using SafetensorsFile file = SafetensorsFile.Open(path);
        _objective.Head.CopyFrom(file.ReadFloats(PpoObjective.HeadName));
        _klCoefficient = double.Parse(file.Metadata[Coefficient], CultureInfo.InvariantCulture);
    }

    private Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts)
    {
        Rollout rollout = _parts.Roll(prompts, out double[][] rewards);
        PpoSection o = _recipe.Loss;
        List<RolledAnswer> answers = rollout.Answers;
        TokenRuns old = new(), values = new(), reference = new(), given = new(), advantages = new(), returns = new();
        _source.ForEach(rollout, (batch, of) =>
        {
            _objective.Recall(batch.Answers, old, values);
            _reference?.LogProbs(batch.Answers, reference);
            for (int i = 0; i < of.Count; i++)
            {
                (of[i].Old, of[i].Values, of[i].Reference) = (old[i].ToArray(), values[i].ToArray(), _reference is null ? null : reference[i].ToArray());
            }
        });
        double drift = 0;
        for (int i = 0; i < answers.Count; i++)
        {
            Span<double> run = given.Add(answers[i].Ids.Length);
            for (int t = 0; t < run.Length && _reference is not null; t++)
            {
                double apart = answers[i].Old![t] - answers[i].Reference![t];
                (run[t], drift) = (-_klCoefficient * apart, drift + apart);
            }
            double sum = _parts.Rewards.Sum(rewards[i]);
            run[^1] += (double.IsFinite(sum) ? sum : 0) - (answers[i].Ended ? 0 : o.MissingEosPenalty);
        }
        if (o.WhitenRewards)
        {
            PpoLoss.Whiten(given, keepMean: true);
        }
        o.Loss.Estimate(given, TokenRuns.Of(answers.Select(a => a.Values!)), advantages, returns);
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
        _ = Advantages.OfGroups(new AdvantageOptions(answers.Count) { Weights = _parts.Rewards.Weights }, rewards, rollout.Told, _parts.Rewards.Names);
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
        correction.Compute(TokenRuns.Of(answers.Select(a => a.Old!)), TokenRuns.Of(answers.Select(a => a.Sampled)), ratios);
        for (int i = 0; i < answers.Count; i++)
        {
            for (int t = 0; t < advantages.Length(i); t++)
            {
                advantages[i][t] *= ratios[i][ratios.Length(i) == 1 ? 0 : t];
            }
        }
    }
}
