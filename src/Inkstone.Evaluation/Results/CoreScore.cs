using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// CORE (Li et al. 2024, arXiv:2406.11794), the number by which nanochat compares base models: the mean over tasks of
/// (accuracy − chance) / (1 − chance), so that guessing is worth 0 and a task without a mistake 1.
/// </summary>
internal static class CoreScore
{
    private static readonly string[] Accuracies = ["acc", "exact_match"];

    /// <summary>value, stderr, tasks (metric, accuracy, chance, centered, stderr), left_out. What is named by itself counts once: a task, or
    /// a group that has a score of its own.</summary>
    /// <param name="set">the tasks</param>
    /// <param name="results">their scores</param>
    /// <param name="documents">what was asked</param>
    public static DictValue Compute(
        TaskSet set,
        OrderedDictionary<string, DictValue> results,
        Dictionary<string, List<(int Id, DictValue Document)>> documents
    )
    {
        HashSet<string> children = [.. set.Groups.Values.SelectMany(g => g.Children.Values).Select(Name)];
        List<(string, Value)> tasks = [];
        List<Value> leftOut = [];
        List<double> centered = [],
            errors = [];
        foreach (object top in set.Groups.Values.Cast<object>().Concat(set.Tasks.Values).Where(t => !children.Contains(Name(t))))
        {
            Visit(top);
        }
        return PythonValues.Dict(
            ("value", new FloatValue(centered.Count == 0 ? double.NaN : centered.Average())),
            ("stderr", Error(errors.Count == 0 ? double.NaN : Math.Sqrt(errors.Sum(e => e * e)) / errors.Count)),
            ("tasks", PythonValues.Dict(tasks)),
            ("left_out", new ListValue(leftOut))
        );

        void Visit(object node)
        {
            string name = Name(node);
            DictValue scores = results[name];
            string? key = scores
                .Entries.Keys.Select(k => k.Text)
                .FirstOrDefault(k => Accuracies.Any(a => k.StartsWith(a + ",", StringComparison.Ordinal)));
            double chance =
                key is null ? double.NaN
                : node is TaskGroup group ? GroupChance(group)
                : Chance((EvaluationTask)node);
            if (chance < 1)
            {
                double accuracy = PythonValues.Real(scores.Get(key!))!.Value,
                    error = PythonValues.Real(scores.Get(key!.Replace(",", "_stderr,", StringComparison.Ordinal))) ?? double.NaN;
                centered.Add((accuracy - chance) / (1 - chance));
                errors.Add(error / (1 - chance));
                tasks.Add(
                    (
                        name,
                        PythonValues.Dict(
                            ("metric", new StringValue(key)),
                            ("accuracy", new FloatValue(accuracy)),
                            ("chance", new FloatValue(chance)),
                            ("centered", new FloatValue(centered[^1])),
                            ("stderr", Error(errors[^1]))
                        )
                    )
                );
            }
            else if (node is TaskGroup { Metrics.Count: 0 } several)
            {
                foreach (object child in several.Children.Values)
                {
                    Visit(child);
                }
            }
            else
            {
                leftOut.Add(new StringValue(name));
            }
        }

        // A group's chance is weighted as its accuracy is.
        double GroupChance(TaskGroup group)
        {
            bool bySize = group.Metrics.Any(m => Accuracies.Contains(m.Metric) && m.WeightBySize);
            EvaluationTask[] of = [.. group.Tasks];
            return of.Sum(t => Chance(t) * Weight(t)) / of.Sum(Weight);

            double Weight(EvaluationTask task) => bySize ? documents[task.Name].Count : 1;
        }

        // What guessing gets: right choices among all, over the documents that were asked; nothing where a text has to be found.
        double Chance(EvaluationTask task) =>
            task.Config.OutputType != "multiple_choice"
                ? 0
                : documents[task.Name]
                    .Average(d =>
                        (task.MultipleTarget && task.Target(d.Document) is SequenceValue right ? right.Elements.Distinct().Count() : 1.0)
                        / task.Choices(d.Document)!.Count
                    );
    }

    private static string Name(object node) => node is TaskGroup group ? group.Name : ((EvaluationTask)node).Name;

    private static Value Error(double error) => double.IsNaN(error) ? new StringValue("N/A") : new FloatValue(error);
}
