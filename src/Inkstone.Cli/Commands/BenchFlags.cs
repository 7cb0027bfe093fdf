using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Formats;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Flags and results that the benchmarks share.</summary>
internal static class BenchFlags
{
    public static Option<string> Config() =>
        new("--config")
        {
            Description = "sizes: a preset or a config.json: " + string.Join(", ", Presets.Names("models")),
            HelpName = "PRESET",
            DefaultValueFactory = _ => "microlm-31m",
        };

    private const int MostRows = 4096,
        MostTokens = 1 << 20,
        MostRounds = 100_000;

    /// <summary>Rows of a batch, in range.</summary>
    public static int Rows(CommandContext call, Option<int> flag) => call.Between(flag, 1, MostRows);

    /// <summary>Tokens, in range.</summary>
    public static int Tokens(CommandContext call, Option<int> flag, int least = 1) => call.Between(flag, least, MostTokens);

    /// <summary>Repetitions, in range.</summary>
    public static int Rounds(CommandContext call, Option<int> flag) => call.Between(flag, 1, MostRounds);

    public static Option<int> Batch() =>
        new("--batch")
        {
            Description = "rows of a batch",
            HelpName = "B",
            DefaultValueFactory = _ => 8,
        };

    public static Option<int> Length() =>
        new("--length")
        {
            Description = "tokens of a row",
            HelpName = "T",
            DefaultValueFactory = _ => 512,
        };

    /// <summary>The config that <paramref name="flag"/> names, with a vocabulary where a preset leaves it to the tokenizer.</summary>
    public static HfConfig Model(CommandContext call, Option<string> flag)
    {
        string name = call.Get(flag)!;
        return HfConfig.Parse(PresetConfig.Load(name).ToJsonString(), name);
    }

    /// <summary>The "entries" of a benchmark's JSON.</summary>
    public static JsonArray Json(IEnumerable<KernelEntry> entries) =>
        [
            .. entries.Select(e =>
                (JsonNode)
                    new JsonObject
                    {
                        ["name"] = e.Name,
                        ["shape"] = e.Shape,
                        ["dtype"] = e.Type,
                        ["threads"] = e.Threads,
                        ["seconds"] = e.Seconds,
                        ["rate"] = e.Rate,
                        ["unit"] = e.Unit,
                        ["roof"] = e.Roof,
                        ["fraction"] = e.Fraction,
                    }
            ),
        ];
}
