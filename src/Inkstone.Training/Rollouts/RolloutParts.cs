using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What GRPO and PPO share: prompts, the writer of answers, rewards, held-out prompts.</summary>
internal sealed class RolloutParts : IDisposable
{
    private readonly RolloutSection _rollout;
    private readonly RolloutWriter _writer;

    public RolloutParts(ITuningRecipe recipe, PromptSection data, RolloutSection rollout, IReadOnlyList<NamedReward> rewards, RunStart start, Device device, RunOptions options)
    {
        _rollout = rollout;
        Tuned = new TunedModel(recipe, options.Warn);
        Model = Tuned.Open(start.Checkpoint, device, options.Warn);
        Model.Noise.Silent = true;
        if (Model.Adapter?.Config.Dropout > 0)
        {
            options.Warn("the adapter's dropout is off: log-probabilities of several passes are compared, and noise would count as a difference");
        }
        Prompts = PromptSet.Read(data, Tuned.Tokenizer, recipe.TemplateVariables, Model.MaxPositionEmbeddings);
        foreach (SkippedRecords skipped in Prompts.Skipped)
        {
            options.Warn(skipped.Sentence("record", "left out"));
        }
        int[] ends = [.. Tuned.Ends().Append(Tuned.Tokenizer.EosId ?? -1).Where(id => id >= 0).Distinct()];
        _writer = new RolloutWriter(Model, ends, rollout.MaxTokens, rollout.Temperature, (ulong)recipe.Train.Seed);
        Rewards = new RewardPanel(rewards, new RewardSetting(device, Model.VocabSize, options.Warn), Tuned.Tokenizer);
        HeldOut = Prompts.Valid.Count == 0 ? null : new HeldOutAnswers(Prompts.Valid, Math.Max(recipe.Train.BatchSize, 16), _writer, Rewards);
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
        Rollout rollout = new() { Answers = _writer.Write([.. prompts.Select(p => (p.Prompt.Ids, p.Pass, p.Place))], _rollout.Generations) };
        PolicyPrompt[] of = [.. prompts.SelectMany(p => Enumerable.Repeat(p.Prompt, _rollout.Generations))];
        string[] texts = [.. rollout.Answers.Select(Rewards.TextOf)];
        List<MetricTerm> told = rollout.Told;
        rewards = Rewards.Score(of, rollout.Answers, texts, told);
        AnswerLengths.Tell([.. rollout.Answers.Select(a => a.Ids.Length)], [.. rollout.Answers.Select(a => a.Ended)], told);
        told.AddRange([new("rollout/seconds", _writer.Seconds, 1), new("rollout/tokens_per_second", _writer.Tokens / _writer.Seconds, 1), new("rollout/shared_prompt_tokens", _writer.SharedTokens, 0)]);
        for (int i = 0; i < Math.Min(_rollout.Samples, texts.Length); i++)
        {
            string said = string.Join(", ", rewards[i].Select((r, k) => FormattableString.Invariant($"{Rewards.Names[k]} {r:0.###}")));
            rollout.Shown.Add(new Shown(of[i].Text, $"{texts[i]}{(rollout.Answers[i].Ended ? "" : " …")} [{said}]"));
        }
        return rollout;
    }

    public void Dispose()
    {
        Rewards?.Dispose();
        Tuned?.Dispose();
    }
}
