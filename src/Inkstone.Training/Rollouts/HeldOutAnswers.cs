using Inkstone.Data;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Held-out prompts, each answered once with the likeliest tokens. What validation calls the loss is minus the mean reward, so the
/// best checkpoint is that of the highest reward.</summary>
internal sealed class HeldOutAnswers(IReadOnlyList<PolicyPrompt> prompts, int rows, RolloutWriter writer, RewardPanel rewards)
    : IBatchSource<PolicyBatch>
{
    private readonly RowCursor _cursor = new(prompts.Count, null, finite: true, epochs: null);

    /// <inheritdoc/>
    public long RowCount => prompts.Count;

    /// <inheritdoc/>
    public int RowLength => prompts.Max(p => p.Ids.Length);

    /// <inheritdoc/>
    public LoaderState State
    {
        get => _cursor.State;
        set => _cursor.State = value;
    }

    /// <inheritdoc/>
    public bool PassEnded => false;

    /// <inheritdoc/>
    public PolicyBatch NewBatch(int rows) => new(share: false);

    /// <summary>The objective of training, but for held-out batches what was measured of them.</summary>
    public static Objective<PolicyBatch> Measured(Objective<PolicyBatch> training, Device device) =>
        (batch, normalizer) =>
            batch.Reward is { } reward
                ? new LossTerms(Ops.KnownLoss(device.Rent(new Shape(1)), -reward, [0])).With(batch.Told)
                : training(batch, normalizer).With(batch.Told);

    /// <inheritdoc/>
    public bool Skip(PolicyBatch batch) => Take().Count > 0;

    private List<PolicyPrompt> Take()
    {
        List<PolicyPrompt> taken = [];
        while (taken.Count < rows && _cursor.Take(first: taken.Count == 0) is { } row)
        {
            taken.Add(prompts[(int)row]);
        }
        return taken;
    }

    /// <inheritdoc/>
    public bool Next(PolicyBatch batch)
    {
        List<PolicyPrompt> taken = Take();
        if (taken.Count == 0)
        {
            return false;
        }
        List<RolledAnswer> answers = writer.Write([.. taken.Select(p => (p.Ids, 0L, 0L))], each: 1, greedy: true);
        List<MetricTerm> told = [];
        double[][] scores = rewards.Score(taken, answers, [.. answers.Select(rewards.TextOf)], told);
        double[] sums = [.. scores.Select(rewards.Sum).Where(double.IsFinite)];
        batch.LabelCount = sums.Length;
        batch.Reward = sums.Length > 0 ? sums.Average() : 0;
        told.Clear();
        told.Add(new MetricTerm("reward", sums.Sum(), sums.Length));
        for (int k = 0; k < rewards.Names.Count; k++)
        {
            double[] known = [.. scores.Select(s => s[k]).Where(double.IsFinite)];
            told.Add(new MetricTerm($"rewards/{rewards.Names[k]}/mean", known.Sum(), known.Length));
        }
        told.AddRange([
            new("completions/mean_length", answers.Sum(a => a.Ids.Length), answers.Count),
            new("completions/clipped_ratio", answers.Count(a => !a.Ended), answers.Count),
        ]);
        batch.Told = told;
        return true;
    }
}
