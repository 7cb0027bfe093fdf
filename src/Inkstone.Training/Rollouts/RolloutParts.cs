using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What GRPO and PPO share: prompts, the writer of answers, rewards, held-out prompts.</summary>
internal sealed class RolloutParts : IDisposable
{
    private readonly RolloutSection _rollout;
    private readonly RolloutWriter _writer;
    private readonly ICommunicator _ranks;

    public RolloutParts(
        ITuningRecipe recipe,
        PromptSection data,
        RolloutSection rollout,
        IReadOnlyList<NamedReward> rewards,
        RunStart start,
        Device device,
        RunOptions options
    )
    {
        (_rollout, _ranks) = (rollout, options.Ranks);
        Tuned = new TunedModel(recipe, options.Warn);
        Model = Tuned.Open(start.Checkpoint, device, options.Warn);
        Model.TrainingRng.Silent = true;
        if (Model.Adapter?.Config.Dropout > 0)
        {
            options.Warn(
                "the adapter's dropout is off: log-probabilities of several passes are compared, and noise would count as a difference"
            );
        }
        Prompts = PromptSet.Read(data, Tuned.Tokenizer, recipe.TemplateVariables, Model.MaxPositionEmbeddings);
        foreach (SkippedRecords skipped in Prompts.Skipped)
        {
            options.Warn(skipped.Sentence("record", "left out"));
        }
        int[] ends = [.. Tuned.Ends().Append(Tuned.Tokenizer.EosId ?? -1).Where(id => id >= 0).Distinct()];
        _writer = new RolloutWriter(Model, ends, rollout.MaxTokens, rollout.Temperature, (ulong)recipe.Train.Seed);
        Rewards = new RewardPanel(rewards, new RewardSetting(device, Model.VocabSize, options.Warn), Tuned.Tokenizer);
        HeldOut =
            Prompts.Valid.Count == 0 ? null : new HeldOutAnswers(Prompts.Valid, Math.Max(recipe.Train.BatchSize, 16), _writer, Rewards);
    }

    public TunedModel Tuned { get; }

    public CausalLm Model { get; }

    public PromptSet Prompts { get; }

    public RewardPanel Rewards { get; }

    public HeldOutAnswers? HeldOut { get; }

    /// <summary>Answers to prompts, judged, but for what the kind of training makes of the rewards.</summary>
    /// <param name="prompts">the prompts, with the pass and the place that they were taken at</param>
    /// <param name="rewards">[answers][functions]</param>
    public Rollout Roll(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts, out double[][] rewards)
    {
        PolicyPrompt[] of = [.. prompts.SelectMany(p => Enumerable.Repeat(p.Prompt, _rollout.Generations))];
        List<RankAnswers> parts = RankAnswers.Gather(_ranks, Answer(prompts));
        Rollout rollout = new() { Answers = [.. parts.SelectMany(p => p.Answers)] };
        string[] texts = [.. rollout.Answers.Select(Rewards.TextOf)];
        List<MetricTerm> told = rollout.Told;
        rewards = [.. parts.SelectMany(p => p.Rewards)];
        // A count is the sum of what each process has counted.
        told.AddRange(
            parts
                .SelectMany(p => p.Told)
                .GroupBy(t => t.Name)
                .Select(g => new MetricTerm(g.Key, g.Sum(t => t.Sum), g.Sum(t => t.Normalizer)))
        );
        AnswerLengths.Tell([.. rollout.Answers.Select(a => a.Ids.Length)], [.. rollout.Answers.Select(a => a.Ended)], told);
        double seconds = parts.Max(p => p.Seconds);
        told.AddRange([
            new("rollout/seconds", seconds, 1),
            new("rollout/tokens_per_second", rollout.Answers.Sum(a => a.Ids.Length) / seconds, 1),
            new("rollout/shared_prompt_tokens", parts.Sum(p => p.SharedTokens), 0),
        ]);
        for (int i = 0; i < Math.Min(_rollout.Samples, texts.Length); i++)
        {
            string said = string.Join(", ", rewards[i].Select((r, k) => FormattableString.Invariant($"{Rewards.Names[k]} {r:0.###}")));
            rollout.Shown.Add(new Shown(of[i].Text, $"{texts[i]}{(rollout.Answers[i].Ended ? "" : " …")} [{said}]"));
        }
        return rollout;
    }

    /// <summary>Answers and judges the own prompts.</summary>
    private RankAnswers Answer(IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)> prompts)
    {
        (int first, int end) = (_ranks.Rank * prompts.Count / _ranks.Size, (_ranks.Rank + 1) * prompts.Count / _ranks.Size);
        (PolicyPrompt Prompt, long Pass, long Place)[] own = [.. prompts.Skip(first).Take(end - first)];
        if (own.Length == 0)
        {
            return new RankAnswers();
        }
        RankAnswers part = new() { Answers = _writer.Write([.. own.Select(p => (p.Prompt.Ids, p.Pass, p.Place))], _rollout.Generations) };
        part.Rewards = Rewards.Score(
            [.. own.SelectMany(p => Enumerable.Repeat(p.Prompt, _rollout.Generations))],
            part.Answers,
            [.. part.Answers.Select(Rewards.TextOf)],
            part.Told
        );
        (part.Seconds, part.SharedTokens) = (_writer.Seconds, _writer.SharedTokens);
        return part;
    }

    public void Dispose()
    {
        Rewards?.Dispose();
        Tuned?.Dispose();
    }
}
