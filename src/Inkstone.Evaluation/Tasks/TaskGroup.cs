using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>How a metric of a group is made of those of its tasks.</summary>
/// <param name="Metric">the metric</param>
/// <param name="Filters">names of filters; null takes all that are found</param>
/// <param name="WeightBySize">each task counts by its number of documents, else all alike</param>
internal sealed record GroupMetric(string Metric, IReadOnlyList<string>? Filters, bool WeightBySize);

/// <summary>Tasks and groups under one name, perhaps with a score of their own.</summary>
internal sealed class TaskGroup
{
    public const string KeyMetrics = "aggregate_metric_list";

    public static readonly string[] Keys = ["group", "group_alias", "task", KeyMetrics, "metadata"];

    public TaskGroup(string name, DictValue config, string place)
    {
        Name = name;
        Alias = config.Text("group_alias") ?? name;
        Version = (config.Get("metadata") as DictValue)?.Get("version")?.Text ?? "N/A";
        Metrics =
        [
            .. (
                config.Get(KeyMetrics) switch
                {
                    ListValue several => several.Elements,
                    { } one => [one],
                    null => [],
                }
            ).Select(m => Read(m, place)),
        ];
    }

    public string Name { get; }

    public string Alias { get; }

    public string Version { get; }

    public IReadOnlyList<GroupMetric> Metrics { get; }

    /// <summary>Tasks (<see cref="EvaluationTask"/>) and groups by name, in order.</summary>
    public OrderedDictionary<string, object> Children { get; } = new(StringComparer.Ordinal);

    public IEnumerable<EvaluationTask> Tasks => Children.Values.SelectMany(c => c is TaskGroup group ? group.Tasks : [(EvaluationTask)c]);

    public IEnumerable<TaskGroup> Groups => Children.Values.OfType<TaskGroup>().SelectMany(g => new[] { g }.Concat(g.Groups));

    private static GroupMetric Read(Value value, string place)
    {
        DictValue metric = value as DictValue ?? throw new InvalidDataException($"{place}: {KeyMetrics} must hold maps with a metric.");
        if ((metric.Text("aggregation") ?? "mean") != "mean")
        {
            throw new InvalidDataException(
                $"{place}: {KeyMetrics} knows the aggregation mean alone, not {metric.Get("aggregation")!.Text}."
            );
        }
        IReadOnlyList<string>? filters = metric.Get("filter_list") switch
        {
            ListValue several => [.. several.Elements.Select(f => f.Text)],
            { } one => [one.Text],
            null => null,
        };
        return new GroupMetric(
            metric.Text("metric") ?? throw new InvalidDataException($"{place}: {KeyMetrics} names no metric."),
            filters,
            metric.Get("weight_by_size")?.IsTrue ?? !metric.Has("weight_by_size")
        );
    }
}
