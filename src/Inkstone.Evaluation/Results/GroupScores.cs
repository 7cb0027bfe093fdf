using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A group's scores: means over its tasks, weighted by their documents or not, with pooled errors.</summary>
internal static class GroupScores
{
    public static DictValue Compute(TaskGroup group, OrderedDictionary<string, DictValue> results)
    {
        List<(string, Value)> scores = [("alias", new StringValue(group.Alias)), ("name", new StringValue(group.Name))];
        if (group.Metrics.Count == 0)
        {
            return PythonValues.Dict(scores);
        }
        DictValue[] tasks = [.. group.Tasks.Select(t => results[t.Name])];
        scores.Add(("sample_len", PythonValues.Int(tasks.Sum(Size))));
        List<(string, Value)> counts = [];
        foreach (GroupMetric metric in group.Metrics)
        {
            foreach (
                string filter in metric.Filters
                    ?? [.. tasks.SelectMany(t => Filters(t, metric.Metric)).Distinct().Order(StringComparer.Ordinal)]
            )
            {
                string key = $"{metric.Metric},{filter}",
                    errorKey = $"{metric.Metric}_stderr,{filter}";
                DictValue[] with = [.. tasks.Where(t => t.Get(key) is not null)];
                if (with.Length == 0)
                {
                    continue;
                }
                double[] sizes = [.. with.Select(t => (double)Size(t))];
                scores.Add(
                    (
                        key,
                        new FloatValue(
                            Mean(
                                [.. with.Select(t => PythonValues.Real(t.Get(key))!.Value)],
                                metric.WeightBySize ? sizes : [.. sizes.Select(_ => 1.0)]
                            )
                        )
                    )
                );
                scores.Add(
                    (
                        errorKey,
                        with.All(t => PythonValues.Real(t.Get(errorKey)) is not null)
                            ? new FloatValue(
                                Error([.. with.Select(t => PythonValues.Real(t.Get(errorKey))!.Value)], sizes, metric.WeightBySize)
                            )
                            : new StringValue("N/A")
                    )
                );
                counts.Add((key, PythonValues.Int((long)sizes.Sum())));
            }
        }
        if (counts.Count > 0)
        {
            scores.Add(("sample_count", PythonValues.Dict(counts)));
        }
        return PythonValues.Dict(scores);
    }

    /// <summary>The shots and directions on which a group's members agree.</summary>
    public static void PassUp(TaskGroup group, Dictionary<string, Value> shots, Dictionary<string, Value> better)
    {
        Value[] counts = [.. group.Children.Keys.Where(shots.ContainsKey).Select(c => shots[c]).Distinct()];
        if (counts.Length == 1)
        {
            shots[group.Name] = counts[0];
        }
        OrderedDictionary<Value, Value> directions = [];
        foreach (
            (Value metric, Value direction) in group.Children.Keys.Where(better.ContainsKey).SelectMany(c => ((DictValue)better[c]).Entries)
        )
        {
            directions[metric] =
                !directions.TryGetValue(metric, out Value? earlier) || earlier.Equals(direction) ? direction : NoneValue.None;
        }
        if (directions.Count > 0)
        {
            better[group.Name] = new DictValue(directions);
        }
    }

    private static int Size(DictValue task) => PythonValues.Whole(task.Get("sample_len")) ?? 0;

    private static IEnumerable<string> Filters(DictValue task, string metric) =>
        task
            .Entries.Keys.Select(k => k.Text)
            .Where(k => k.StartsWith(metric + ",", StringComparison.Ordinal))
            .Select(k => k[(metric.Length + 1)..]);

    private static double Mean(double[] values, double[] weights) => values.Zip(weights, (v, w) => v * w).Sum() / weights.Sum();

    /// <summary>√(Σ (n−1) s² n / (Σ n − k)) / √Σ n by size, √(Σ s²) / k else.</summary>
    private static double Error(double[] errors, double[] sizes, bool bySize) =>
        bySize
            ? Math.Sqrt(errors.Zip(sizes, (s, n) => (n - 1) * s * s * n).Sum() / (sizes.Sum() - sizes.Length) / sizes.Sum())
            : Math.Sqrt(errors.Sum(s => s * s)) / errors.Length;
}
