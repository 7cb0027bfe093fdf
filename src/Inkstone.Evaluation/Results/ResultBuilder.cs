using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Filters, scores and aggregates.</summary>
internal static class ResultBuilder
{
    public static EvaluationResult Build(
        TaskSet set,
        Dictionary<string, List<Request>> requests,
        Dictionary<string, List<(int Id, DictValue Document)>> documents,
        EvaluationOptions options
    )
    {
        OrderedDictionary<string, DictValue> results = new(StringComparer.Ordinal);
        Dictionary<string, IReadOnlyList<DictValue>> samples = new(StringComparer.Ordinal);
        foreach (EvaluationTask task in set.Tasks.Values)
        {
            (results[task.Name], samples[task.Name]) = Task(task, requests[task.Name], documents[task.Name], options.BootstrapIterations);
        }
        foreach (TaskGroup group in BottomUp(set))
        {
            results[group.Name] = GroupScores.Compute(group, results);
        }
        return new EvaluationResult(Summary(set, results, documents), samples);
    }

    private static (DictValue Results, IReadOnlyList<DictValue> Samples) Task(
        EvaluationTask task,
        List<Request> requests,
        List<(int Id, DictValue Document)> documents,
        int iterations
    )
    {
        List<DictValue> samples = [];
        OrderedDictionary<string, List<Value>> values = new(StringComparer.Ordinal);
        Dictionary<int, Request[]> ofDocument = requests
            .GroupBy(r => r.DocumentId)
            .ToDictionary(g => g.Key, g => g.OrderBy(r => r.Index).ToArray());
        foreach (FilterPipeline pipeline in task.Pipelines)
        {
            pipeline.Apply(requests);
            foreach ((int id, DictValue document) in documents)
            {
                Request[] asked = ofDocument[id];
                IReadOnlyList<(string Metric, Value Value)> scores = DocumentScores.Compute(
                    task,
                    document,
                    [.. asked.Select(r => r.Filtered[pipeline.Name])]
                );
                samples.Add(SampleRecord.Create(task, id, document, asked, pipeline.Name, scores));
                foreach ((string metric, Value value) in scores)
                {
                    string key = $"{metric},{pipeline.Name}";
                    if (!values.TryGetValue(key, out List<Value>? all))
                    {
                        values[key] = all = [];
                    }
                    all.Add(value);
                }
            }
        }
        return (Aggregate(task, values, iterations), samples);
    }

    private static DictValue Aggregate(EvaluationTask task, OrderedDictionary<string, List<Value>> values, int iterations)
    {
        List<(string, Value)> scores = [];
        foreach ((string key, List<Value> all) in values)
        {
            string name = key[..key.IndexOf(',', StringComparison.Ordinal)],
                filter = key[name.Length..];
            MetricUse? metric = task.Metrics.FirstOrDefault(m => m.Name == name);
            string aggregation = metric?.Aggregation ?? "mean";
            scores.Add((key, BuiltInFunctions.Aggregate(aggregation, all) ?? Aggregations.Compute(aggregation, all, task.Config.Place)));
            scores.Add(($"{name}_stderr{filter}", StandardErrors.Compute(metric, aggregation, all, iterations, task.Config.Place)));
        }
        return PythonValues.Dict([
            ("name", new StringValue(task.Name)),
            ("alias", new StringValue(task.Alias)),
            ("sample_len", PythonValues.Int(values.Count == 0 ? 0 : values.GetAt(values.Count - 1).Value.Count)),
            .. scores,
        ]);
    }

    /// <summary>Groups after those that they hold.</summary>
    private static IEnumerable<TaskGroup> BottomUp(TaskSet set)
    {
        HashSet<string> children = [.. set.Groups.Values.SelectMany(g => g.Children.Values.OfType<TaskGroup>()).Select(g => g.Name)],
            seen = [];
        return set.Groups.Values.Where(g => !children.Contains(g.Name)).SelectMany(Visit);

        IEnumerable<TaskGroup> Visit(TaskGroup group) =>
            seen.Add(group.Name) ? [.. group.Children.Values.OfType<TaskGroup>().SelectMany(Visit), group] : [];
    }

    private static DictValue Summary(
        TaskSet set,
        OrderedDictionary<string, DictValue> results,
        Dictionary<string, List<(int, DictValue)>> documents
    )
    {
        IEnumerable<EvaluationTask> tasks = set.Tasks.Values;
        IEnumerable<TaskGroup> groups = set.Groups.Values;
        Dictionary<string, Value> shots = tasks.ToDictionary(t => t.Name, t => (Value)PythonValues.Int(t.Config.NumFewshot ?? 0));
        Dictionary<string, Value> better = tasks.ToDictionary(
            t => t.Name,
            t => (Value)DictValue.FromPairs(t.Metrics.Select(m => KeyValuePair.Create(m.Name, m.HigherIsBetter)))
        );
        foreach (TaskGroup group in groups)
        {
            GroupScores.PassUp(group, shots, better);
        }
        List<(string, Value)> summary = [("results", Dict(results.Select(r => (r.Key, (Value)r.Value))))];
        (string, Value)[] scored =
        [
            .. results
                .Where(r => set.Groups.TryGetValue(r.Key, out TaskGroup? g) && g.Metrics.Count > 0)
                .Select(r => (r.Key, (Value)r.Value)),
        ];
        if (scored.Length > 0)
        {
            summary.Add(("groups", Dict(scored)));
        }
        summary.Add(
            (
                "group_subtasks",
                Dict(groups.Select(g => (g.Name, (Value)new ListValue([.. g.Children.Keys.Select(c => new StringValue(c))]))))
            )
        );
        summary.Add(("configs", Sorted(tasks.Select(t => (t.Name, (Value)t.Config.ToValue())))));
        summary.Add(
            (
                "versions",
                Sorted(tasks.Select(t => (t.Name, Version(t))).Concat(groups.Select(g => (g.Name, (Value)new StringValue(g.Version)))))
            )
        );
        summary.Add(("n-shot", Sorted(shots.Select(s => (s.Key, s.Value)))));
        summary.Add(("higher_is_better", Sorted(better.Select(b => (b.Key, b.Value)))));
        summary.Add(
            (
                "n-samples",
                Dict(
                    tasks.Select(t =>
                        (
                            t.Name,
                            (Value)
                                PythonValues.Dict(
                                    ("original", PythonValues.Int(t.Documents.Rows.Count)),
                                    ("effective", PythonValues.Int(documents[t.Name].Count))
                                )
                        )
                    )
                )
            )
        );
        return Dict(summary);
    }

    private static Value Version(EvaluationTask task) =>
        (task.Config.Get("metadata") as DictValue)?.Get("version") ?? new StringValue("Yaml");

    private static DictValue Dict(IEnumerable<(string, Value)> members) => PythonValues.Dict(members);

    private static DictValue Sorted(IEnumerable<(string Key, Value Value)> members) =>
        PythonValues.Dict(members.OrderBy(m => m.Key, StringComparer.Ordinal));
}
