using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Client;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

internal static partial class EvaluateStructured
{
    private static void Print(CommandContext call, List<StructuredTable> tables)
    {
        string[] metrics =
        [
            "parse",
            "missing",
            "hallucination",
            "types",
            "enums",
            "strict",
            "strict_alias",
            "value_match",
            "cut",
            "latency_seconds",
        ];
        string[] names = Names([.. tables.Select(t => t.Model)]);
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns(["model", "guided", .. metrics.Select(m => m.Replace('_', ' ')), "pairs F1"]);
        foreach ((StructuredTable t, string name) in tables.Zip(names))
        {
            table.AddRow([
                .. new[] { name, t.Guided ? "yes" : "no" }
                    .Concat(metrics.Select(m => Shown(m, t.Shares[m])))
                    .Append(Format.Text($"{t.Pairs.F1:0.000}"))
                    .Select(Markup.Escape),
            ]);
        }
        call.Page.Write(table);
        Table published = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns("by MicroLM's rules", "parse", "missing", "hallucination", "strict", "judged otherwise here");
        foreach ((StructuredTable t, string name) in tables.Zip(names))
        {
            JsonNode rules = t.Json()["microlm_rules"]!;
            published.AddRow([
                .. new[] { name + (t.Guided ? ", guided" : "") }
                    .Concat(
                        ((string[])["parseable_rate", "missing_rate", "hallucination_rate", "schema_strict_rate"]).Select(r =>
                            Format.Text($"{100 * (double)rules[r]!:0.0} %")
                        )
                    )
                    .Append(
                        string.Join(
                            "; ",
                            t.Differences.GroupBy(d => (d.Metric, d.Why)).Select(g => $"{g.Key.Metric}: {g.Count()} × {g.Key.Why}")
                        )
                    )
                    .Select(Markup.Escape),
            ]);
        }
        call.Page.Write(published);
        call.Out.WriteLine(
            $"{tables[0].Shares["parse"].Count} prompts. hallucination, types and enums are shares of what parses, with ± one standard error."
        );
    }

    /// <summary>The last part of paths, where it tells them apart.</summary>
    private static string[] Names(string[] models)
    {
        string[] last = [.. models.Select(m => OpenAiClient.IsUrl(m) ? m : Path.GetFileName(Path.TrimEndingDirectorySeparator(m)))];
        return last.Distinct().Count() == models.Distinct().Count() ? last : models;
    }

    private static string Shown(string metric, Share share) =>
        double.IsNaN(share.Value) ? "–"
        : metric == "latency_seconds" ? Format.Text($"{share.Value:0.00} s")
        : Format.Text($"{100 * share.Value:0.0} %{(double.IsNaN(share.Error) ? "" : Format.Text($" ± {100 * share.Error:0.0}"))}");
}
