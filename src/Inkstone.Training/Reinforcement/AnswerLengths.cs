namespace Inkstone.Training;

/// <summary>How long answers are, as logs show it.</summary>
public static class AnswerLengths
{
    /// <summary>Mean, least and greatest length of all answers and of those that ended by themselves, and the share of the
    /// others.</summary>
    /// <param name="lengths">tokens of each answer</param>
    /// <param name="ended">whether each ended by itself and was not cut</param>
    /// <param name="metrics">where they go</param>
    public static void Tell(IReadOnlyList<int> lengths, IReadOnlyList<bool> ended, List<MetricTerm> metrics)
    {
        int[] whole = [.. lengths.Where((_, i) => ended[i])];
        Add("", [.. lengths]);
        metrics.Add(new("completions/clipped_ratio", lengths.Count - whole.Length, lengths.Count));
        Add("terminated_", whole.Length > 0 ? whole : [0]);

        void Add(string kind, int[] of) =>
            metrics.AddRange([
                new($"completions/mean_{kind}length", of.Average(), 1),
                new($"completions/min_{kind}length", of.Min(), 1),
                new($"completions/max_{kind}length", of.Max(), 1),
            ]);
    }
}
