using static Inkstone.Training.Logistic;

namespace Inkstone.Training;

/// <summary>Losses of single answers that are called good or bad. u = s − s′: the answer's log-probability less that under the
/// reference.</summary>
public enum UnpairedKind
{
    /// <summary>KTO (arXiv:2402.01306): good 1 − σ(β(u − z)), bad 1 − σ(β(z − u)); z ≥ 0 is how far the policy has moved from the reference
    /// on answers to other prompts.</summary>
    Kto,

    /// <summary>APO-zero without pairs: good 1 − σ(βu), bad σ(βu).</summary>
    ApoZero,
}

/// <summary>What is minimised of unpaired answers.</summary>
/// <param name="Kind">which loss</param>
/// <param name="Beta">β</param>
/// <param name="DesirableWeight">weight of good answers</param>
/// <param name="UndesirableWeight">weight of bad answers</param>
public sealed record UnpairedOptions(
    UnpairedKind Kind = UnpairedKind.Kto,
    double Beta = 0.1,
    double DesirableWeight = 1,
    double UndesirableWeight = 1
);

/// <summary>Losses of thumbs up and down, with their gradients by hand; means over the answers that are given.</summary>
public static class UnpairedLoss
{
    /// <summary>How far policy and reference are apart on answers to other prompts: max(0, mean of s − s′), in nats. No gradient goes
    /// through it.</summary>
    public static double Drift(TokenRuns policy, TokenRuns reference)
    {
        double sum = 0;
        for (int i = 0; i < policy.TokenCount; i++)
        {
            sum += policy.Values[i] - reference.Values[i];
        }
        return Math.Max(0, sum / Math.Max(1, policy.Count));
    }

    /// <summary>The loss.</summary>
    /// <param name="options">which</param>
    /// <param name="policy">log-probabilities of the answers' tokens</param>
    /// <param name="reference">the same under the reference</param>
    /// <param name="good">whether each answer is good</param>
    /// <param name="drift">z, of <see cref="Drift"/>; counts in KTO alone</param>
    /// <param name="gradient">∂L/∂policy; overwritten</param>
    /// <param name="metrics">what logs show; null: nothing</param>
    public static double Compute(
        UnpairedOptions options,
        TokenRuns policy,
        TokenRuns reference,
        ReadOnlySpan<bool> good,
        double drift,
        TokenRuns gradient,
        List<MetricTerm>? metrics = null
    )
    {
        double z = options.Kind == UnpairedKind.Kto ? drift : 0,
            b = options.Beta,
            loss = 0;
        Span<double> rewards = stackalloc double[2],
            logs = stackalloc double[2];
        rewards.Clear();
        logs.Clear();
        Span<int> count = [0, 0];
        gradient.ShapeAs(policy);
        for (int i = 0; i < policy.Count; i++)
        {
            double s = Sum(policy[i]),
                u = s - Sum(reference[i]),
                x = good[i] ? b * (u - z) : b * (z - u);
            double weight = good[i] ? options.DesirableWeight : options.UndesirableWeight;
            loss += weight * (1 - Sigmoid(x));
            gradient[i].Fill((good[i] ? -1 : 1) * weight * b * Slope(x) / policy.Count);
            int side = good[i] ? 0 : 1;
            (rewards[side], logs[side], count[side]) = (rewards[side] + b * u, logs[side] + s, count[side] + 1);
        }
        metrics?.Add(new("kl", z, 1));
        for (int side = 0; side < 2 && metrics is not null; side++)
        {
            if (count[side] > 0)
            {
                metrics.Add(new(side == 0 ? "rewards/chosen" : "rewards/rejected", rewards[side], count[side]));
                metrics.Add(new(side == 0 ? "logps/chosen" : "logps/rejected", logs[side], count[side]));
            }
        }
        if (metrics is not null && count[0] > 0 && count[1] > 0)
        {
            metrics.Add(new("rewards/margins", rewards[0] / count[0] - rewards[1] / count[1], 1));
        }
        return loss / policy.Count;
    }

    private static double Sum(ReadOnlySpan<double> run)
    {
        double sum = 0;
        foreach (double value in run)
        {
            sum += value;
        }
        return sum;
    }
}
