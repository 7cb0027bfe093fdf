using System.Text.Json.Nodes;
using Inkstone.Reports;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>A comparison as one HTML file that opens offline: the table, bits per byte with their spread, and the curves of held-out
/// loss.</summary>
internal static class ComparePage
{
    private static readonly string[] Columns =
    [
        "family",
        "active",
        "total",
        "bits per byte",
        "training tok/s",
        "% of roof",
        "decoding tok/s",
        "cache bytes a token at 1k",
        "at 32k",
    ];

    public static string Write(string title, Shootout shootout, IReadOnlyList<Contestant> all, string machine)
    {
        Contestant[] sorted = Contestant.Ranked(all);
        return ReportPage.Compose(
            "compare",
            new JsonObject
            {
                ["title"] = title,
                ["parameters"] = Format.Count(shootout.ActiveParameters),
                ["seeds"] = shootout.Seeds.Count,
                ["machine"] = machine,
                ["table"] = new JsonObject
                {
                    ["columns"] = new JsonArray([.. Columns.Select(c => (JsonNode)c)]),
                    ["rows"] = new JsonArray([.. sorted.Select(c => (JsonNode)Row(c))]),
                },
                ["families"] = new JsonArray([.. sorted.Select(c => (JsonNode)Family(c))]),
            }
        );
    }

    private static JsonArray Row(Contestant c) =>
        [
            (JsonNode)c.Name,
            (JsonNode)Format.Text($"{c.Active:N0}"),
            (JsonNode)Format.Text($"{c.Parameters:N0}"),
            .. c.Figures().Select(f => (JsonNode)f),
        ];

    private static JsonObject Family(Contestant c)
    {
        (int Step, double Loss)[] points = Points(c);
        // The first validation, before any step, would press all curves flat.
        return new JsonObject
        {
            ["name"] = c.Name,
            ["mean"] = Finite(c.BitsPerByte.Mean),
            ["low"] = Finite(c.BitsPerByte.Low),
            ["high"] = Finite(c.BitsPerByte.High),
            ["curve"] = new JsonArray([.. points.Skip(points.Length > 2 ? 1 : 0).Select(p => (JsonNode)new JsonArray(p.Step, p.Loss))]),
        };
    }

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? value : null;

    private static (int Step, double Loss)[] Points(Contestant c) =>
        [
            .. c
                .Metrics.SelectMany(m => m.Validations)
                .GroupBy(v => v.Step)
                .OrderBy(g => g.Key)
                .Select(g => (g.Key, g.Average(v => v.Loss)))
                .Where(p => double.IsFinite(p.Item2)),
        ];
}
