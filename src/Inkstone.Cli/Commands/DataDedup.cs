using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;

namespace Inkstone.Cli;

/// <summary><c>ink data dedup</c>.</summary>
internal static class DataDedup
{
    public static CliCommand Create()
    {
        Option<string[]> input = Flags.Inputs("JSONL, Parquet or text files, plain or gzip, or folders of them");
        Option<string> output = Flags.Out("directory for pairs.jsonl, clusters.json and metadata.json");
        Option<string> field = new("--field")
        {
            Description = "JSONL key of the text; several with commas are joined by line ends",
            HelpName = "KEY[,KEY]",
            DefaultValueFactory = _ => "text",
        };
        Option<double> threshold = new("--threshold")
        {
            Description = "least Jaccard similarity of a pair, from 0.3 to 1",
            HelpName = "X",
            DefaultValueFactory = _ => 0.8,
        };
        Option<string> shingles = Shingles("characters");
        return new CliCommand(
            "dedup",
            "finds near duplicates; an interrupted run goes on where it stopped when repeated",
            [input, output, field, threshold, shingles],
            Run,
            "ink data dedup --input articles.jsonl --out duplicates",
            "ink data dedup --input articles.jsonl --field title,text --threshold 0.7 --shingles auto --out duplicates --json"
        );

        int Run(CommandContext call)
        {
            NearDuplicateOptions near = new(call.Get(threshold), Kind(call.Get(shingles)!), call.Threads ?? 0);
            DedupOptions options = new(
                call.Get(input)!,
                call.Get(output)!,
                call.Get(field)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                near,
                call.Force
            );
            Place.KeepApart(options.Output, file: false, [.. options.Inputs]);
            DedupResult result = call.WithProgress(
                "dedup",
                bar =>
                    new DedupRun(options).Run(
                        new Relay<NearDuplicateProgress>(p =>
                            bar.Report((p.Total > 0 ? Math.Min(1, (double)p.Done / p.Total) : 0, p.Stage))
                        ),
                        call.Cancelled
                    )
            );
            if (result.Counts.Cut > 0)
            {
                call.Warn(
                    Format.Text(
                        $"{result.Counts.Cut:N0} times a document had more like it than the 1,000 with which it is compared: some pairs among them are not listed"
                    )
                );
            }
            return call.Result(
                Json(result),
                o =>
                {
                    o.WriteLine(
                        Format.Text(
                            $"{result.Counts.Pairs:N0} pairs of {result.Threshold} and more among {result.Counts.Documents:N0} documents ({result.Counts.Candidates:N0} candidates compared exactly)"
                        )
                    );
                    o.WriteLine(
                        Format.Text(
                            $"{result.Clusters:N0} clusters with {result.Clustered:N0} documents, the largest with {result.Largest:N0}: {result.Redundant:N0} documents could go; in {result.Output}"
                        )
                    );
                }
            );
        }
    }

    public static Option<string> Shingles(string usual) =>
        new("--shingles")
        {
            Description =
                "what two documents are compared by: every five characters, every five words, or auto: words where blanks part them, else characters",
            HelpName = "characters|words|auto",
            DefaultValueFactory = _ => usual,
        };

    public static ShingleKind Kind(string word) =>
        DataPrepare.Choice(
            word,
            "--shingles",
            ("characters", ShingleKind.Characters),
            ("words", ShingleKind.Words),
            ("auto", ShingleKind.Auto)
        );

    private static JsonObject Json(DedupResult r) =>
        new()
        {
            ["out"] = r.Output,
            ["threshold"] = r.Threshold,
            ["shingles"] = r.Shingles.ToString().ToLower(CultureInfo.InvariantCulture),
            ["documents"] = r.Counts.Documents,
            ["candidates"] = r.Counts.Candidates,
            ["pairs"] = r.Counts.Pairs,
            ["cut"] = r.Counts.Cut,
            ["clusters"] = r.Clusters,
            ["clustered"] = r.Clustered,
            ["largest"] = r.Largest,
            ["redundant"] = r.Redundant,
        };
}
