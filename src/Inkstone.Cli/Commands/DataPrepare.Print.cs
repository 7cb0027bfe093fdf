using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

internal static partial class DataPrepare
{
    private static JsonObject Json(PrepareResult r) =>
        new()
        {
            ["out"] = r.Output,
            ["conversions"] = new JsonArray([.. (r.Conversions ?? []).Select(c => JsonValue.Create(c.Configuration))]),
            ["documents"] = r.Documents,
            ["train_documents"] = r.TrainDocuments,
            ["valid_documents"] = r.ValidDocuments,
            ["bytes"] = r.Bytes,
            ["filter_stats"] = new JsonArray([
                .. r.FilterStats.Select(f => new JsonObject
                {
                    ["name"] = f.Name,
                    ["seen"] = f.Seen,
                    ["changed"] = f.Changed,
                    ["dropped"] = f.Dropped,
                }),
            ]),
            ["drop_reasons"] = new JsonObject(
                (r.Findings?.Reasons ?? new Dictionary<string, long>()).Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))
            ),
            ["languages"] = new JsonObject(
                (r.Findings?.Languages ?? new Dictionary<string, long>()).Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))
            ),
            ["length_stats"] = new JsonObject
            {
                ["min"] = r.LengthStats.Min,
                ["max"] = r.LengthStats.Max,
                ["mean"] = r.LengthStats.Mean,
                ["median"] = r.LengthStats.Median,
                ["p25"] = r.LengthStats.P25,
                ["p75"] = r.LengthStats.P75,
                ["p95"] = r.LengthStats.P95,
                ["p99"] = r.LengthStats.P99,
            },
        };

    private static void Print(CommandContext call, PrepareResult r)
    {
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumn("filter")
            .AddColumn("seen")
            .AddColumn("changed")
            .AddColumn("dropped");
        foreach (FilterCount f in r.FilterStats)
        {
            table.AddRow(
                f.Name,
                f.Seen.ToString("N0", CultureInfo.InvariantCulture),
                f.Changed.ToString("N0", CultureInfo.InvariantCulture),
                f.Dropped.ToString("N0", CultureInfo.InvariantCulture)
            );
        }
        call.Page.Write(table);
        foreach (
            (string reason, long count) in r.Findings?.Reasons.Where(p => p.Key.Contains(':')).OrderByDescending(p => p.Value).Take(10)
                ?? []
        )
        {
            call.Out.WriteLine(Format.Text($"dropped for {reason}: {count:N0}"));
        }
        call.Out.WriteLine(
            Format.Text(
                $"{r.TrainDocuments:N0} documents to learn from, {r.ValidDocuments:N0} held out, {Format.Bytes(r.Bytes)} in {r.Output}"
            )
        );
        call.Out.WriteLine(
            Format.Text(
                $"length in characters: median {r.LengthStats.Median:0}, 5 % are longer than {r.LengthStats.P95:0}, longest {r.LengthStats.Max:N0}"
            )
        );
    }
}
