using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>The reward functions of a run, open, with what they said.</summary>
internal sealed class RewardPanel : IDisposable
{
    private readonly IReadOnlyList<NamedReward> _rewards;
    private readonly IReward[] _open;
    private readonly Tokenizer _tokenizer;
    private readonly Action<string> _warn;
    private readonly HashSet<string> _told = [];

    /// <summary>Opens them.</summary>
    public RewardPanel(IReadOnlyList<NamedReward> rewards, RewardSetting setting, Tokenizer tokenizer)
    {
        (_rewards, _tokenizer, _warn, _open) = (rewards, tokenizer, setting.Warn, new IReward[rewards.Count]);
        try
        {
            for (int i = 0; i < _open.Length; i++)
            {
                _open[i] = rewards[i].Make(setting);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Names, as logs call them.</summary>
    public IReadOnlyList<string> Names => [.. _rewards.Select(r => r.Name)];

    /// <summary>Weights.</summary>
    public IReadOnlyList<double> Weights => [.. _rewards.Select(r => r.Weight)];

    /// <summary>What an answer says, without special tokens.</summary>
    public string TextOf(RolledAnswer answer) =>
        _tokenizer.Decode(answer.Ended ? answer.Ids.AsSpan(0, answer.Ids.Length - 1) : answer.Ids, skipSpecialTokens: true);

    /// <summary>The weighed sum of one answer's rewards; NaN where no function says anything of it.</summary>
    public double Sum(double[] rewards) =>
        rewards.Any(double.IsFinite) ? rewards.Select((r, k) => double.IsFinite(r) ? Weights[k] * r : 0).Sum() : double.NaN;

    /// <summary>[answers][functions]; NaN where a function has nothing to say, or said a number that is not finite, which is counted and
    /// told once.</summary>
    /// <param name="prompts">what each answer answers</param>
    /// <param name="answers">the answers</param>
    /// <param name="texts">what they say</param>
    /// <param name="metrics">where counts go</param>
    public double[][] Score(
        IReadOnlyList<PolicyPrompt> prompts,
        IReadOnlyList<RolledAnswer> answers,
        IReadOnlyList<string> texts,
        List<MetricTerm> metrics
    )
    {
        JudgedAnswer[] judged =
        [
            .. answers.Select(
                (a, i) => new JudgedAnswer(prompts[i].Text, texts[i], prompts[i].Row) { PromptIds = a.Prompt, AnswerIds = a.Ids }
            ),
        ];
        double[][] rewards = [.. answers.Select(_ => new double[_open.Length])];
        for (int k = 0; k < _open.Length; k++)
        {
            long failed = _open[k].Failed;
            double?[] scores = _open[k].Score(judged);
            int odd = 0,
                silent = 0;
            for (int i = 0; i < scores.Length; i++)
            {
                odd += scores[i] is { } score && !double.IsFinite(score) ? 1 : 0;
                silent += scores[i] is null ? 1 : 0;
                rewards[i][k] = scores[i] is { } finite && double.IsFinite(finite) ? finite : double.NaN;
            }
            string name = _rewards[k].Name;
            metrics.AddRange([new($"rewards/{name}/not_finite", odd, 0), new($"rewards/{name}/failed", _open[k].Failed - failed, 0)]);
            Tell(
                odd > 0,
                $"{name} odd",
                $"the reward {name} said {odd} of {scores.Length} times something that is no finite number; it counts as nothing (rewards/{name}/not_finite counts it)"
            );
            Tell(
                silent == scores.Length,
                $"{name} silent",
                $"the reward {name} had nothing to say of any of {scores.Length} answers; does the record have the key that it compares with?"
            );
            Tell(
                _open[k].Failed > failed,
                $"{name} failed",
                $"the reward {name} could not judge {_open[k].Failed - failed} of {scores.Length} answers; they count as nothing (rewards/{name}/failed counts them)"
            );
        }
        return rewards;
    }

    public void Dispose()
    {
        foreach (IReward? reward in _open)
        {
            reward?.Dispose();
        }
    }

    private void Tell(bool holds, string key, string what)
    {
        if (holds && _told.Add(key))
        {
            _warn(what);
        }
    }
}
