using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.SmallWorld;

namespace Inkstone.Cli;

/// <summary><c>ink data world</c>.</summary>
internal static class DataWorld
{
    public static CliCommand Create()
    {
        Option<string> output = Flags.Out();
        Option<long> bytes = new("--bytes")
        {
            Description = "bytes of text to learn from",
            HelpName = "N",
            DefaultValueFactory = _ => 4_000_000,
        };
        Option<int> families = new("--families")
        {
            Description = "families of the world, 2 to 8: more are more to learn",
            HelpName = "N",
            DefaultValueFactory = _ => 4,
        };
        Option<int> pages = new("--pages")
        {
            Description = "pages of the wiki dump",
            HelpName = "N",
            DefaultValueFactory = _ => 2000,
        };
        return new CliCommand(
            "world",
            "makes a small world to try everything on, offline: texts, conversations, questions with choices, preferences, prompts, a wiki dump, and benchmarks of what was never said",
            [output, bytes, families, pages],
            Run,
            "ink data world --out world",
            "ink data world --out world --bytes 600000 --families 8 --seed 7 --json"
        );

        int Run(CommandContext call)
        {
            string directory = call.Claim(call.Get(output)!);
            long wanted = call.Get(bytes) is > 0 and var n
                ? n
                : throw new ArgumentException($"--bytes must be above 0, got {call.Get(bytes)}");
            int count = call.Between(pages, 1, 1_000_000);
            SmallWorldCorpus world = new((ulong)(call.Seed ?? 42), call.Between(families, 2, 8));
            AtomicDirectory.Write(
                directory,
                call.Force,
                place =>
                {
                    world.Write(place, wanted);
                    new WorldSources(world).Write(place, count);
                }
            );
            return call.Result(
                new JsonObject
                {
                    ["out"] = directory,
                    ["bytes"] = wanted,
                    ["shown"] = world.Shown.Count,
                    ["held_out"] = world.HeldOut.Count,
                    ["reworded"] = world.Reworded.Count,
                    ["unasked"] = world.Unasked.Count,
                },
                o =>
                    o.WriteLine(
                        Format.Text(
                            $"{Format.Bytes(wanted)} of text, {world.Shown.Count:N0} questions with answers and {world.HeldOut.Count + world.Reworded.Count + world.Unasked.Count:N0} that are never asked, in {directory}"
                        )
                    )
            );
        }
    }
}
