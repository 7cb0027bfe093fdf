namespace Inkstone.Training;

/// <summary>What deviations advantages are divided by.</summary>
public enum RewardScale
{
    /// <summary>That of the group.</summary>
    Group,

    /// <summary>That of all answers of the batch.</summary>
    Batch,

    /// <summary>None.</summary>
    None,
}

/// <summary>How rewards become advantages.</summary>
/// <param name="GroupSize">answers to one prompt, one behind the other</param>
public sealed record AdvantageOptions(int GroupSize)
{
    /// <summary>What they are divided by.</summary>
    public RewardScale Scale { get; init; } = RewardScale.Group;

    /// <summary>Weights of the reward functions; null: 1 each.</summary>
    public IReadOnlyList<double>? Weights { get; init; }

    /// <summary>Each function is normalised in its group before they are added, and their sum over the batch (GDPO,
    /// arXiv:2601.05242).</summary>
    public bool NormalizeThenSum { get; init; }

    /// <summary>Bounds of the weighed reward, in RLOO; null: none.</summary>
    public (double Least, double Most)? Clip { get; init; }

    /// <summary>Whether RLOO's advantages are normalised over the batch.</summary>
    public bool NormalizeOverBatch { get; init; }
}

/// <summary>
/// Advantages of answers in groups. A reward that is no number (a function had nothing to say, or said something that is not finite) counts
/// nothing; an answer
/// about which no function said anything leaves its group's mean and deviation and gets 0. Deviations have n − 1.
/// </summary>
public static class Advantages
{
    private const double Least = 1e-4;

    /// <summary>GRPO: (r − mean of the group) / (deviation + 1e-4).</summary>
    /// <param name="options">groups and scale</param>
    /// <param name="rewards">[answers][functions]; NaN: no number</param>
    /// <param name="metrics">what logs show; null: nothing</param>
    /// <param name="names">names of the functions, for these</param>
    public static double[] OfGroups(
        AdvantageOptions options,
        IReadOnlyList<double[]> rewards,
        List<MetricTerm>? metrics = null,
        IReadOnlyList<string>? names = null
    )
    {
        double[] sums = Weighed(options, rewards);
        if (metrics is not null)
        {
            Tell(options, rewards, sums, metrics, names!);
        }
        if (options.NormalizeThenSum)
        {
            double[][] parts =
            [
                .. Enumerable
                    .Range(0, rewards[0].Length)
                    .Select(k => Normalised(options.GroupSize, [.. rewards.Select(r => Finite(r[k]))], RewardScale.Group)),
            ];
            double[] added =
            [
                .. rewards.Select(
                    (row, i) =>
                        row.Any(double.IsFinite)
                            ? row.Select((r, k) => double.IsFinite(r) ? (options.Weights?[k] ?? 1) * parts[k][i] : 0).Sum()
                            : double.NaN
                ),
            ];
            (double mean, double deviation) = Spread(added);
            return [.. added.Select(a => double.IsNaN(a) ? 0 : (a - mean) / (deviation + Least))];
        }
        return Normalised(options.GroupSize, sums, options.Scale);
    }

    /// <summary>RLOO: r − β Σ (log p − log p′) less the mean of that of the group's other answers.</summary>
    /// <param name="options">groups and bounds</param>
    /// <param name="rewards">[answers][functions]; NaN: no number</param>
    /// <param name="drift">Σ (log p − log p′) of each answer; null: 0</param>
    /// <param name="beta">β</param>
    /// <param name="metrics">what logs show; null: nothing</param>
    /// <param name="names">names of the functions, for these</param>
    public static double[] LeaveOneOut(
        AdvantageOptions options,
        IReadOnlyList<double[]> rewards,
        IReadOnlyList<double>? drift,
        double beta,
        List<MetricTerm>? metrics = null,
        IReadOnlyList<string>? names = null
    )
    {
        double[] sums = Weighed(options, rewards),
            advantages = new double[sums.Length];
        if (metrics is not null)
        {
            Tell(options, rewards, sums, metrics, names!);
        }
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = (options.Clip is { } clip ? Math.Clamp(sums[i], clip.Least, clip.Most) : sums[i]) - beta * (drift?[i] ?? 0);
        }
        for (int from = 0; from < sums.Length; from += options.GroupSize)
        {
            double[] known = [.. sums[from..(from + options.GroupSize)].Where(r => !double.IsNaN(r))];
            for (int i = from; i < from + options.GroupSize; i++)
            {
                advantages[i] = double.IsNaN(sums[i]) || known.Length < 2 ? 0 : sums[i] - (known.Sum() - sums[i]) / (known.Length - 1);
            }
        }
        if (options.NormalizeOverBatch)
        {
            (double mean, double deviation) = Spread([.. advantages.Select((a, i) => double.IsNaN(sums[i]) ? double.NaN : a)]);
            return [.. advantages.Select((a, i) => double.IsNaN(sums[i]) ? 0 : (a - mean) / (deviation + Least))];
        }
        return advantages;
    }

    private static double[] Weighed(AdvantageOptions options, IReadOnlyList<double[]> rewards) =>
        [
            .. rewards.Select(row =>
                row.Any(double.IsFinite) ? row.Select((r, k) => double.IsFinite(r) ? (options.Weights?[k] ?? 1) * r : 0).Sum() : double.NaN
            ),
        ];

    private static double Finite(double value) => double.IsFinite(value) ? value : double.NaN;

    private static double[] Normalised(int size, double[] rewards, RewardScale scale)
    {
        double[] advantages = new double[rewards.Length];
        double all = Spread(rewards).Deviation;
        for (int from = 0; from < rewards.Length; from += size)
        {
            (double mean, double deviation) = Spread(rewards[from..(from + size)]);
            for (int i = from; i < from + size; i++)
            {
                advantages[i] = double.IsNaN(rewards[i])
                    ? 0
                    : (rewards[i] - mean)
                        / (
                            scale switch
                            {
                                RewardScale.Group => deviation + Least,
                                RewardScale.Batch => all + Least,
                                _ => 1,
                            }
                        );
            }
        }
        return advantages;
    }

    /// <summary>Mean and deviation of those that are numbers.</summary>
    private static (double Mean, double Deviation) Spread(double[] values)
    {
        double[] known = [.. values.Where(v => !double.IsNaN(v))];
        double mean = known.Length == 0 ? 0 : known.Average();
        return (mean, known.Length < 2 ? 0 : Math.Sqrt(known.Sum(v => (v - mean) * (v - mean)) / (known.Length - 1)));
    }

    private static void Tell(
        AdvantageOptions options,
        IReadOnlyList<double[]> rewards,
        double[] sums,
        List<MetricTerm> metrics,
        IReadOnlyList<string> names
    )
    {
        for (int k = 0; k < names.Count; k++)
        {
            (double mean, double deviation) = Spread([.. rewards.Select(r => Finite(r[k]))]);
            metrics.AddRange([new($"rewards/{names[k]}/mean", mean, 1), new($"rewards/{names[k]}/std", deviation, 1)]);
        }
        (double all, double spread) = Spread(sums);
        double[][] groups = [.. sums.Chunk(options.GroupSize)];
        metrics.AddRange([
            new("reward", all, 1),
            new("reward_std", spread, 1),
            new("frac_reward_zero_std", groups.Count(g => Spread(g).Deviation < 1e-8), groups.Length),
        ]);
    }
}
