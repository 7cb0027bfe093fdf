using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench memory</c>.</summary>
internal static class BenchMemory
{
    public static CliCommand Create()
    {
        Option<string> config = BenchFlags.Config();
        Option<int> rows = BenchFlags.Batch(),
            length = BenchFlags.Length();
        Option<int> accumulation = new("--accumulation")
        {
            Description = "micro-batches of each process in a step",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        Option<string> zero = Flags.Choice(
                "--zero",
                "what is sharded under mpirun: 0 nothing, 1 the optimizer's state, 3 gradients and weights too",
                "X",
                "0",
                "1",
                "3"
            ),
            order = Flags.Choice("--order", "order of sums: fast or fixed", "X", "fast", "fixed"),
            optimizer = Flags.Choice("--optimizer", "adamw or muon", "X", "adamw", "muon");
        Option<bool> recompute = new("--recompute") { Description = "keep only the inputs of blocks and compute what is inside again" };
        return new CliCommand(
            "memory",
            "memory of a training process beside the formula; under mpirun -n N of each of several",
            [config, rows, length, accumulation, zero, order, optimizer, recompute],
            Run,
            "ink bench memory --config microlm-31m --batch 2 --length 128",
            "ink bench memory --zero 3 --recompute --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            DistributedOptions options = new(
                Zero: int.Parse(call.Get(zero)!, CultureInfo.InvariantCulture),
                FixedOrder: call.Get(order) == "fixed"
            );
            MemoryCost cost = call.Compute(device =>
                MemoryBench.Run(
                    device,
                    BenchFlags.Model(call, config),
                    BenchFlags.Rows(call, rows),
                    BenchFlags.Tokens(call, length),
                    call.Between(accumulation, 1, 4096),
                    call.Get(optimizer)!,
                    call.Get(recompute),
                    new Cooperation(call.Ranks, options)
                )
            );
            JsonObject json = new()
            {
                ["parameters"] = cost.Parameters,
                ["ranks"] = call.Ranks.Size,
                ["zero"] = options.Zero,
                ["weights_bytes"] = cost.Formula.Weights,
                ["gradients_bytes"] = cost.Formula.Gradients,
                ["moments_bytes"] = cost.Formula.Moments,
                ["buckets_bytes"] = cost.Formula.Buckets,
                ["activations_bytes"] = cost.Activations,
                ["expected_bytes"] = cost.Expected,
                ["measured_bytes"] = new JsonArray([.. cost.Measured.Select(m => (JsonNode)m)]),
                ["at_start_bytes"] = cost.AtStart,
                ["measured_over_expected"] = cost.Ratio,
            };
            return call.Result(
                json,
                output =>
                {
                    output.WriteLine(
                        $"{Format.Count(cost.Parameters)} parameters, {call.Ranks.Size} {(call.Ranks.Size == 1 ? "process" : "processes")}, zero {options.Zero}; of each process, beside the program itself"
                    );
                    Table table = new Table()
                        .Border(TableBorder.Rounded)
                        .AddColumns(
                            "weights",
                            "gradients",
                            "moments",
                            "buckets",
                            "activations",
                            "together",
                            "measured",
                            "over it",
                            "until the first steps"
                        );
                    table.AddRow(
                        Format.Bytes(cost.Formula.Weights),
                        Format.Bytes(cost.Formula.Gradients),
                        Format.Bytes(cost.Formula.Moments),
                        Format.Bytes(cost.Formula.Buckets),
                        Format.Bytes(cost.Activations),
                        Format.Bytes(cost.Expected),
                        string.Join(", ", cost.Measured.Select(m => Format.Bytes(m))),
                        Format.Text($"{cost.Ratio:0.000}"),
                        Format.Bytes(cost.AtStart)
                    );
                    call.Page.Write(table);
                }
            );
        }
    }
}
