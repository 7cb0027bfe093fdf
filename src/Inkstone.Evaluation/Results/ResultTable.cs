using System.Globalization;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A line of the table of results.</summary>
/// <param name="Task">task or group, indented below its group; empty where the line above names it</param>
/// <param name="Version">the task's version</param>
/// <param name="Filter">the filter's name</param>
/// <param name="Shots">worked examples</param>
/// <param name="Metric">the metric</param>
/// <param name="Direction">↑ where higher is better, ↓ where lower is</param>
/// <param name="Value">the score</param>
/// <param name="Error">its standard error, or N/A</param>
public sealed record ResultRow(
    string Task,
    string Version,
    string Filter,
    string Shots,
    string Metric,
    string Direction,
    string Value,
    string Error
);

/// <summary>Scores as lines of a table, groups before what they hold, as lm-evaluation-harness prints them.</summary>
public static class ResultTable
{
    /// <summary>The lines.</summary>
    /// <param name="summary">what <see cref="EvaluationResult.Summary"/> holds</param>
    public static IReadOnlyList<ResultRow> Rows(DictValue summary)
    {
        DictValue results = (DictValue)summary.Get("results")!,
            groups = (DictValue)summary.Entries[new StringValue("group_subtasks")];
        List<ResultRow> rows = [];
        HashSet<string> children = [.. groups.Entries.Values.SelectMany(c => ((SequenceValue)c).Elements).Select(c => c.Text)],
            seen = [];
        foreach (
            string name in groups
                .Entries.Keys.Select(g => g.Text)
                .Where(g => !children.Contains(g))
                .Order(StringComparer.Ordinal)
                .Concat(results.Entries.Keys.Select(t => t.Text).Order(StringComparer.Ordinal))
        )
        {
            Visit(name, 0);
        }
        return rows;

        void Visit(string name, int depth)
        {
            if (!seen.Add(name) || results.Get(name) is not DictValue scores)
            {
                return;
            }
            rows.AddRange(Lines(summary, name, scores, depth));
            foreach (Value child in groups.Get(name) is SequenceValue of ? of.Elements : [])
            {
                Visit(child.Text, depth + 1);
            }
        }
    }

    private static IEnumerable<ResultRow> Lines(DictValue summary, string name, DictValue scores, int depth)
    {
        string title = (depth > 0 ? new string(' ', depth) + "- " : "") + scores.Text("alias"),
            version = Of("versions")?.Text ?? "",
            shots = Of("n-shot")?.Text ?? "";
        foreach (
            Value key in scores
                .Entries.Keys.Where(k =>
                    k.Text.Contains(',', StringComparison.Ordinal) && !k.Text.Contains("_stderr,", StringComparison.Ordinal)
                )
                .OrderBy(k => k.Text, StringComparer.Ordinal)
        )
        {
            int comma = key.Text.IndexOf(',', StringComparison.Ordinal);
            (string metric, string filter) = (key.Text[..comma], key.Text[(comma + 1)..]);
            Value? better = (Of("higher_is_better") as DictValue)?.Get(metric);
            yield return new ResultRow(
                title,
                version,
                filter,
                shots,
                metric,
                better is null ? ""
                    : better.IsTrue ? "↑"
                    : "↓",
                Shown(scores.Entries[key]),
                Shown(scores.Get($"{metric}_stderr,{filter}") ?? new StringValue("N/A"))
            );
            (title, version) = ("", "");
        }

        Value? Of(string key) => (summary.Get(key) as DictValue)?.Get(name);
    }

    private static string Shown(Value value) =>
        value is FloatValue real ? real.Number.ToString("0.0000", CultureInfo.InvariantCulture) : value.Text;
}
