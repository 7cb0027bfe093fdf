using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Text;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink data mix</c>.</summary>
internal static class DataMix
{
    public static CliCommand Create()
    {
        Argument<string> recipe = new("RECIPE") { Description = "YAML file, or a preset: " + string.Join(", ", Presets.Names("mix")) };
        Option<string> output = Flags.Out("directory for pretrain.jsonl, sft.jsonl, dpo.jsonl and mix.json");
        Option<string> tokenizer = new("--tokenizer")
        {
            Description = "counts the tokens of each source with this tokenizer",
            HelpName = "PATH",
        };
        Option<string[]> sources = new("--source")
        {
            Description = "CATEGORY=PATH[,PATH] in place of the recipe's sources of a category (repeatable)",
            HelpName = "CATEGORY=PATH",
        };
        return new CliCommand(
            "mix",
            "mixes sources by quotas into files to pretrain on, to fine-tune on and to prefer by",
            [recipe, output, tokenizer, sources],
            Run,
            "ink data mix mixture.yaml --out mixed",
            "ink data mix booklet --source general=belle.json,alpaca.json --source identity=me.jsonl --tokenizer tok --out mixed"
        );

        int Run(CommandContext call)
        {
            string file = Presets.Recipe(call.Get(recipe)!, "mix");
            JsonObject yaml = YamlFile.Read(file);
            if (call.Seed is { } seed)
            {
                yaml["seed"] = seed;
            }
            foreach (string pair in call.Get(sources) ?? [])
            {
                Replace(yaml, pair, file);
            }
            MixRecipe mix = MixRecipe.Read(yaml, file);
            string directory = call.Claim(call.Get(output)!, mix.Categories.SelectMany(c => c.Sources).SelectMany(s => s.Paths));
            Tokenizer? counts = call.Get(tokenizer) is { } path ? Models.Told(call, Tokenizer.Load(path)) : null;
            MixReport report = call.WithProgress(
                "mix",
                bar =>
                    new Mixture(mix, counts is null ? null : text => counts.Encode(text, false).Length).Run(
                        directory,
                        call.Force,
                        call.Threads ?? Environment.ProcessorCount,
                        new Relay<MixProgress>(p => bar.Report((p.Fraction, Format.Text($"{p.Phase}, {p.Records:N0} records")))),
                        call.Cancelled
                    )
            );
            foreach (string shortage in report.Shortages)
            {
                call.Warn(shortage);
            }
            return call.Result(Json(report), o => Print(call, report));
        }
    }

    private static void Replace(JsonObject yaml, string pair, string file)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        string name = equals > 0 ? pair[..equals] : throw new ArgumentException($"--source must be CATEGORY=PATH, got '{pair}'");
        JsonObject? categories = yaml["categories"] as JsonObject;
        JsonObject category =
            categories?[name] as JsonObject
            ?? throw new ArgumentException(
                $"--source names '{name}', and {file} has no such category{Spelling.Suggestion(name, categories?.Select(c => c.Key) ?? [])}"
            );
        category["sources"] = new JsonArray([
            .. pair[(equals + 1)..]
                .Split(',', StringSplitOptions.RemoveEmptyEntries)
                .Select(p => new JsonObject { ["path"] = p, ["name"] = Path.GetFileNameWithoutExtension(p) }),
        ]);
    }

    private static JsonObject Json(MixReport report) =>
        new()
        {
            ["out"] = report.Output,
            ["lines"] = new JsonObject(report.Lines.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))),
            ["sources"] = new JsonArray([.. report.Usage.Select(u => u.ToJson())]),
            ["shortages"] = new JsonArray([.. report.Shortages.Select(s => JsonValue.Create(s))]),
        };

    private static void Print(CommandContext call, MixReport report)
    {
        bool tokens = report.Usage.Any(u => u.Tokens is not null);
        Table table = new Table().Border(TableBorder.Rounded);
        foreach (
            string title in (string[])
                [
                    "category",
                    "source",
                    "records",
                    "usable",
                    "written",
                    "times each",
                    "characters",
                    .. tokens ? ["tokens"] : Array.Empty<string>(),
                    "left out because",
                ]
        )
        {
            table.AddColumn(title);
        }
        foreach (MixUsage u in report.Usage)
        {
            string[] cells =
            [
                u.Category,
                u.Source,
                Format.Text($"{u.Records:N0}"),
                Format.Text($"{u.Usable:N0}"),
                Format.Text($"{u.Written:N0}"),
                Format.Text($"{u.Epochs:0.00}"),
                Format.Text($"{u.Characters:N0}"),
                .. tokens ? [Format.Text($"{u.Tokens:N0}")] : Array.Empty<string>(),
                string.Join("; ", u.Skipped.OrderByDescending(s => s.Value).Take(3).Select(s => Format.Text($"{s.Key}: {s.Value:N0}"))),
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        call.Page.Write(table);
        call.Out.WriteLine(
            Format.Text($"in {report.Output}: {string.Join(", ", report.Lines.Select(l => Format.Text($"{l.Key} {l.Value:N0} lines")))}")
        );
    }
}
