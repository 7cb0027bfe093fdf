namespace Inkstone.Training;

/// <summary>The loss of a reward model (Bradley and Terry): −log σ(c − r − margin) of the rewards of chosen and rejected answers, and
/// coefficient · (c + r)², which keeps them around 0.</summary>
public static class RewardLoss
{
    /// <summary>The mean over n pairs.</summary>
    /// <param name="rewards">those of n chosen answers, then those of n rejected ones</param>
    /// <param name="margins">how much better the chosen answers are, n; or none</param>
    /// <param name="centering">coefficient of (c + r)²</param>
    /// <param name="gradient">∂L/∂rewards; overwritten</param>
    /// <param name="metrics">what logs show; null: nothing</param>
    public static double Compute(
        ReadOnlySpan<double> rewards,
        ReadOnlySpan<double> margins,
        double centering,
        Span<double> gradient,
        List<MetricTerm>? metrics = null
    )
    {
        int n = rewards.Length / 2;
        double loss = 0,
            right = 0,
            margin = 0,
            sum = 0,
            least = double.PositiveInfinity,
            most = double.NegativeInfinity;
        for (int i = 0; i < n; i++)
        {
            double c = rewards[i],
                r = rewards[i + n],
                x = c - r - (margins.IsEmpty ? 0 : margins[i]),
                both = c + r;
            loss += -Logistic.Log(x) + centering * both * both;
            double slope = -Logistic.Sigmoid(-x),
                pull = 2 * centering * both;
            (gradient[i], gradient[i + n]) = ((slope + pull) / n, (pull - slope) / n);
            (right, margin, sum) = (right + (c > r ? 1 : 0), margin + c - r, sum + both);
            (least, most) = (Math.Min(least, Math.Min(c, r)), Math.Max(most, Math.Max(c, r)));
        }
        metrics?.AddRange([
            new("accuracy", right, n),
            new("margin", margin, n),
            new("mean_reward", sum, 2 * n),
            new("min_reward", least, 1),
            new("max_reward", most, 1),
        ]);
        return loss / n;
    }
}
