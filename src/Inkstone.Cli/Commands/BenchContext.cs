using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Formats;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>The part of <c>ink bench generate</c> that tells what the next token costs behind long texts, family by family.</summary>
internal sealed class BenchContext
{
    private readonly Option<int[]> _at = new("--at")
    {
        Description = "instead: what the next token costs behind texts of so many tokens, with random weights of each --config",
        HelpName = "N…",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string[]> _configs = new("--config")
    {
        Description = "with --at: sizes, presets or config.json files: " + string.Join(", ", Presets.Names("models")),
        HelpName = "PRESET…",
        AllowMultipleArgumentsPerToken = true,
    };

    public IReadOnlyList<Symbol> All => [_at, _configs];

    public bool IsAsked(CommandContext call) => call.Has(_at);

    public int Run(CommandContext call, int tokens, int rounds)
    {
        const int Most = 1 << 20;
        int[] lengths = call.Get(_at)!;
        if (lengths.Length == 0 || lengths.Any(length => length is < 1 or > Most))
        {
            throw new ArgumentException($"--at takes lengths from 1 to {Most}, such as --at 1024 8192 32768");
        }
        string[] names = call.Get(_configs) is { Length: > 0 } given
            ? given
            : throw new ArgumentException("--at measures random weights of named sizes; give --config PRESET…");
        HfConfig[] configs = [.. names.Select(name => Longer(name, lengths.Max() + tokens * (rounds + 2)))];
        ContextCost[] costs = call.Compute(device =>
            (ContextCost[])
                [
                    .. names.SelectMany(
                        (name, i) =>
                        {
                            call.Say(name);
                            return ContextBench.Run(device, configs[i], name, lengths, tokens, rounds, call.Cancelled);
                        }
                    ),
                ]
        );
        return call.Result(Json(costs), output => Print(call, output, costs, lengths));
    }

    /// <summary>The sizes with a context that holds the texts.</summary>
    private static HfConfig Longer(string name, int context)
    {
        JsonObject json = PresetConfig.Load(name);
        json["max_position_embeddings"] = context;
        return HfConfig.Parse(json.ToJsonString(), name);
    }

    private static JsonObject Json(ContextCost[] costs) =>
        new()
        {
            ["machine"] = CpuFeatures.Describe(),
            ["entries"] = new JsonArray([
                .. costs.Select(c =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["name"] = c.Model,
                            ["length"] = c.Length,
                            ["seconds"] = c.Seconds,
                            ["rate"] = c.Rate,
                            ["unit"] = "tokens/s",
                            ["cache_bytes"] = c.CacheBytes,
                            ["ops"] = new JsonArray([
                                .. c.Ops.Select(op => (JsonNode)new JsonObject { ["name"] = op.Name, ["seconds"] = op.Seconds }),
                            ]),
                        }
                ),
            ]),
        };

    private static void Print(CommandContext call, TextWriter output, ContextCost[] costs, int[] lengths)
    {
        output.WriteLine(CpuFeatures.Describe());
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("");
        foreach (int length in lengths)
        {
            table.AddColumns(Format.Text($"at {length:N0}: tokens/s"), "cache");
        }
        foreach (IGrouping<string, ContextCost> model in costs.GroupBy(c => c.Model))
        {
            table.AddRow([model.Key, .. model.SelectMany(c => new[] { Format.Text($"{c.Rate:0.0}"), Format.Bytes(c.CacheBytes) })]);
        }
        call.Page.Write(table);
    }
}
