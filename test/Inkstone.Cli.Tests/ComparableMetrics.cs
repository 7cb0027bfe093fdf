using System.Text.Json.Nodes;

namespace Inkstone.Cli.Tests;

/// <summary>The lines of a run's metrics.jsonl without what a clock or the machine says.</summary>
internal static class ComparableMetrics
{
    private static readonly string[] WallClock =
    [
        "seconds",
        "tokens_per_second",
        "fraction_of_roof",
        "memory_bytes",
        "reduce_seconds",
        "reduce_wait_seconds",
    ];

    /// <summary>Reads them.</summary>
    /// <param name="run">directory of the run</param>
    /// <param name="without">beginnings of other names to leave out</param>
    public static string[] Read(string run, params string[] without) =>
        [.. File.ReadAllLines(Path.Combine(run, "metrics.jsonl")).Select(line => Bare(JsonNode.Parse(line)!.AsObject(), without))];

    private static string Bare(JsonObject metrics, string[] without)
    {
        string[] left =
        [
            .. metrics
                .Select(m => m.Key)
                .Where(key => WallClock.Contains(key) || without.Any(w => key.StartsWith(w, StringComparison.Ordinal))),
        ];
        foreach (string key in left)
        {
            metrics.Remove(key);
        }
        return metrics.ToJsonString();
    }
}
