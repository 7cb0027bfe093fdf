namespace Inkstone.Training;

/// <summary>How far apart the sampler's and the trainer's log-probabilities of the same tokens are, as logs show it.</summary>
internal static class SamplerGap
{
    /// <summary>Mean and largest distance of a token's log-probabilities.</summary>
    public static void Tell(TokenRuns old, TokenRuns sampled, List<MetricTerm> metrics)
    {
        double sum = 0,
            most = 0;
        for (int t = 0; t < old.TokenCount; t++)
        {
            double apart = Math.Abs(old.Values[t] - sampled.Values[t]);
            (sum, most) = (sum + apart, Math.Max(most, apart));
        }
        metrics.AddRange([
            new("sampling/sampling_logp_difference/mean", sum, old.TokenCount),
            new("sampling/sampling_logp_difference/max", most, 1),
        ]);
    }

    /// <summary>Mean, least and greatest ratio, as they count.</summary>
    public static void TellRatios(TokenRuns ratios, List<MetricTerm> metrics)
    {
        double sum = 0,
            least = double.PositiveInfinity,
            most = 0;
        foreach (double ratio in ratios.Values)
        {
            (sum, least, most) = (sum + ratio, Math.Min(least, ratio), Math.Max(most, ratio));
        }
        if (ratios.TokenCount > 0)
        {
            metrics.AddRange([
                new("sampling/importance_sampling_ratio/mean", sum, ratios.TokenCount),
                new("sampling/importance_sampling_ratio/min", least, 1),
                new("sampling/importance_sampling_ratio/max", most, 1),
            ]);
        }
    }
}
