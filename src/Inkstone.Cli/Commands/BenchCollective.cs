using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench collective</c>.</summary>
internal static class BenchCollective
{
    public static CliCommand Create()
    {
        Option<int> most = new("--most")
        {
            Description = "largest sum, MiB",
            HelpName = "MIB",
            DefaultValueFactory = _ => 16,
        };
        return new CliCommand(
            "collective",
            "sums over processes as training makes them, beside the limits of memory and wire measured in the same run; it is started by mpirun -n N",
            [most],
            Run,
            "ink bench collective",
            "ink bench collective --most 64 --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            if (call.Ranks.Size == 1)
            {
                throw new ArgumentException(
                    "one process has nothing to sum with: start several, mpirun -n 2 ink bench collective; ink inspect --mpi says whether MPI is here"
                );
            }
            long bytes = (long)call.Between(most, 1, 1024) << 20;
            double copy = CollectiveBench.CopyRate(call.Ranks),
                wire = CollectiveBench.WireRate(call.Ranks);
            List<KernelEntry> entries = [.. CollectiveBench.Run(call.Ranks, bytes, wire, call.Cancelled)];
            JsonObject json = new()
            {
                ["ranks"] = call.Ranks.Size,
                ["ranks_on_this_machine"] = call.Ranks.LocalSize,
                ["roof_copy_bytes_per_second"] = copy,
                ["roof_wire_bytes_per_second"] = wire,
                ["entries"] = BenchFlags.Json(entries),
            };
            return call.Result(
                json,
                output =>
                {
                    output.WriteLine(
                        Format.Text(
                            $"{call.Ranks.Size} ranks, {call.Ranks.LocalSize} on this machine; each at once copies {copy / 1e9:0.0} GB/s in memory, and sends {wire / 1e9:0.0} GB/s to the next while it receives as much"
                        )
                    );
                    Table table = new Table()
                        .Border(TableBorder.Rounded)
                        .AddColumns("sum", "type", "size", "ms", "sent by each", "of the wire");
                    foreach (KernelEntry e in entries)
                    {
                        table.AddRow(
                            e.Name,
                            e.Type,
                            e.Shape,
                            Format.Text($"{1e3 * e.Seconds:0.000}"),
                            Format.Text($"{e.Rate:0.00} {e.Unit}"),
                            Format.Text($"{100 * e.Fraction:0} %")
                        );
                    }
                    call.Page.Write(table);
                }
            );
        }
    }
}
