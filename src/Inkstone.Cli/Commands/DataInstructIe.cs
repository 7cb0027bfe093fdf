using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.SmallWorld;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink data instructie</c>.</summary>
internal static class DataInstructIe
{
    public static CliCommand Create()
    {
        Argument<string> recipe = new("RECIPE")
        {
            Description = "YAML file, or the preset instructie",
            Arity = ArgumentArity.ZeroOrOne,
            DefaultValueFactory = _ => "instructie",
        };
        Option<string> input = new("--input") { Description = "directory that the recipe's files are below", HelpName = "DIR" };
        Option<int?> generate = new("--generate")
        {
            Description = "instead: write N made-up records in the form of InstructIE's files",
            HelpName = "N",
        };
        Option<string> output = Flags.Out("directory for train.jsonl, valid.jsonl, prompts.json, removed.jsonl and report.json");
        return new CliCommand(
            "instructie",
            "InstructIE's texts and relations as conversations that teach structured answers, step by step",
            [recipe, input, generate, output],
            Run,
            "ink data instructie --generate 2000 --out raw",
            "ink data instructie --input raw --out structured"
        );

        int Run(CommandContext call)
        {
            string to = call.Get(output)!;
            if (call.Get(generate) is { } records)
            {
                if (records is < 1 or > 10_000_000 || call.Has(input))
                {
                    throw new ArgumentException(
                        call.Has(input)
                            ? "--generate makes the files that --input would name; give one of them"
                            : $"--generate must be between 1 and 10000000, got {records}"
                    );
                }
                new IeGenerator(call.Seed ?? 42).Write(call.Claim(to), records, call.Force, call.Cancelled);
                return call.Result(
                    new JsonObject { ["out"] = to, ["records"] = records },
                    o =>
                        o.WriteLine(
                            Format.Text(
                                $"{records:N0} records in {to}; go on with: {ProgramName.Current} data instructie --input {to} --out DIR"
                            )
                        )
                );
            }
            string file = Presets.Recipe(call.Get(recipe)!, "data");
            JsonObject yaml = YamlFile.Read(file);
            if (call.Seed is { } seed)
            {
                yaml["seed"] = seed;
            }
            IeRecipe read = IeRecipe.Read(yaml, file, call.Get(input));
            foreach (string path in (string[])[.. read.Train, .. read.HeldOut, read.SchemaFile])
            {
                if (!File.Exists(path))
                {
                    throw new FileNotFoundException($"there is no file '{path}'; name the directory with --input, or the files in {file}");
                }
            }
            call.Claim(to, [.. read.Train, .. read.HeldOut, read.SchemaFile]);
            IeReport report = call.WithProgress("instructie", bar => new IePipeline(read).Run(to, call.Force, bar, call.Cancelled));
            foreach (string shortage in report.Shortages)
            {
                call.Warn(shortage);
            }
            return call.Result(report.Json(), _ => Print(call, report));
        }
    }

    private static void Print(CommandContext call, IeReport report)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("step", "of", "in", "out", "");
        foreach (IeStep step in report.Steps)
        {
            string parts = string.Join("; ", step.Parts.Select(p => Format.Text($"{p.Key} {p.Value:N0}")));
            table.AddRow([
                .. new[]
                {
                    step.Name,
                    step.Of,
                    Format.Text($"{step.In:N0}"),
                    Format.Text($"{step.Out:N0}"),
                    step.Removes && parts.Length > 0 ? "removed: " + parts : parts,
                }.Select(Markup.Escape),
            ]);
        }
        call.Page.Write(table);
        call.Out.WriteLine(
            Format.Text(
                $"in {report.Output}: {string.Join(", ", report.Conversations.Select(c => Format.Text($"{c.Key}.jsonl {c.Value:N0} conversations")))}, prompts.json {report.Prompts:N0} prompts"
            )
        );
    }
}
