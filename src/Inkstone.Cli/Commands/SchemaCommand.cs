using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink schema</c>.</summary>
internal static class SchemaCommand
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static CliCommand Create()
    {
        Argument<string> kind = new("KIND") { Description = string.Join(", ", RecipeSchemas.Names) };
        Option<string> output = new("--out") { Description = "file to write, instead of stdout", HelpName = "FILE" };
        return new CliCommand(
            "schema",
            "the JSON Schema of a kind of recipe, by which editors complete and check it",
            [kind, output],
            Run,
            "ink schema sft",
            "ink schema pipeline --out pipeline.schema.json"
        );

        int Run(CommandContext call)
        {
            string text = Text(call.Get(kind)!);
            if (call.Get(output) is not { } path)
            {
                call.Out.Write(text);
                return 0;
            }
            AtomicFile.WriteText(call.ClaimFile(path, file => HasTitle(file)), text);
            return call.Result(
                new JsonObject { ["out"] = path },
                o => o.WriteLine($"{path}; a recipe's first line names it: # yaml-language-server: $schema={path}")
            );
        }
    }

    /// <summary>A schema as the file that comes with the program has it.</summary>
    public static string Text(string kind) => RecipeSchemas.Build(kind).ToJsonString(Readable) + "\n";

    private static bool HasTitle(string file) =>
        RecipeSchemas.Names.Any(kind =>
            File.ReadLines(file)
                .Skip(2)
                .Take(1)
                .Any(line => line.Contains($"\"title\": \"{(string)RecipeSchemas.Build(kind)["title"]!}\"", StringComparison.Ordinal))
        );
}
