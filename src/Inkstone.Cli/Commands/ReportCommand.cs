using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Reports;
using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary><c>ink report</c>.</summary>
internal static class ReportCommand
{
    private const string Mark = "Inkstone report";

    public static CliCommand Create()
    {
        Argument<string[]> runs = new("RUN")
        {
            Description =
                "directories of runs, of evaluations (structured.json, results_*.json, eval_results.jsonl) or of data, or one above them",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> output = new("--out")
        {
            Description = "file to write",
            HelpName = "FILE.html",
            Required = true,
        };
        Option<bool> png = new("--png") { Description = "draw the curves as a picture too, beside the page" };
        return new CliCommand(
            "report",
            "one HTML file about runs: curves, samples, evaluations, data, configuration; it opens offline, in English and Chinese",
            [runs, output, png],
            Run,
            "ink report first-model --out report.html",
            "ink report runs/a runs/b runs/eval --out compared.html --png"
        );

        int Run(CommandContext call)
        {
            string[] paths = call.Get(runs)!;
            string file = call.Get(output)!;
            file = Path.GetExtension(file).ToUpperInvariant() switch
            {
                ".HTML" or ".HTM" => file,
                "" => file + ".html",
                _ => throw new ArgumentException($"--out must end in .html, got '{file}'"),
            };
            ReportSources sources = ReportSources.Read(paths);
            call.ClaimFile(
                file,
                existing => File.ReadLines(existing).Take(10).Any(line => line.Contains(Mark, StringComparison.Ordinal)),
                paths.Where(File.Exists)
            );
            string? picture = call.Get(png) ? call.ClaimFile(Path.ChangeExtension(file, ".png"), CurvePicture.IsOurs) : null;
            byte[]? drawn = picture is null ? null : CurvePicture.Png(sources.Runs);
            AtomicFile.WriteText(
                file,
                ReportPage.Write(sources, $"{CpuFeatures.Describe()}; .NET {Environment.Version}", DateTimeOffset.Now)
            );
            if (drawn is not null)
            {
                AtomicFile.Write(picture!, drawn);
            }
            JsonObject json = new()
            {
                ["file"] = file,
                ["picture"] = picture,
                ["runs"] = new JsonArray([.. sources.Runs.Select(r => (JsonNode)r.Name)]),
                ["tables"] = sources.Tables.Count,
            };
            return call.Result(
                json,
                o =>
                    o.WriteLine(
                        $"wrote {file}{(picture is null ? "" : $" and {picture}")}: {sources.Runs.Count} {(sources.Runs.Count == 1 ? "run" : "runs")}, {sources.Tables.Count} {(sources.Tables.Count == 1 ? "table" : "tables")}"
                    )
            );
        }
    }
}
