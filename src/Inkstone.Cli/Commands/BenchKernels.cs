using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Tensors;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench kernels</c>.</summary>
internal static class BenchKernels
{
    public static CliCommand Create()
    {
        Option<string> config = BenchFlags.Config();
        Option<int> rows = BenchFlags.Batch(),
            length = BenchFlags.Length();
        return new CliCommand(
            "kernels",
            "every op at a model's sizes: time, rate, and fraction of the limit measured in the same run",
            [config, rows, length],
            Run,
            "ink bench kernels --config microlm-31m",
            "ink bench kernels --config microlm-31m --batch 8 --length 512 --precision bf16 --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            (int batch, int tokens) = (BenchFlags.Rows(call, rows), BenchFlags.Tokens(call, length));
            (MachineRoofs machine, Roofline roof, string kernel, List<KernelEntry> entries) = call.Compute(device =>
            {
                MachineRoofs machine = MachineRoofs.Measure(device);
                Roofline roof = Roofline.Measure(device);
                return (
                    machine,
                    roof,
                    device.MatMulKernelName,
                    new KernelBench(device, roof).Run(BenchFlags.Model(call, config), batch, tokens, call.Cancelled).ToList()
                );
            });
            JsonObject json = new()
            {
                ["ranks"] = call.Ranks.Size,
                ["machine"] = CpuFeatures.Describe(),
                ["kernel"] = kernel,
                ["roof_flops_per_second"] = roof.FlopsPerSecond,
                ["roof_bytes_per_second"] = roof.BytesPerSecond,
                ["roof_bytes_per_second_one_thread"] = machine.ReadOneThread,
                ["units"] = new JsonArray([
                    .. machine.Units.Select(u =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["type"] = u.Type,
                                ["instruction"] = u.Instruction,
                                ["operations_per_second"] = u.AllThreads,
                                ["operations_per_second_one_thread"] = u.OneThread,
                            }
                    ),
                ]),
                ["choices"] = new JsonArray([
                    .. machine.Choices.Select(c =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["type"] = c.Type,
                                ["kernel"] = c.Kernel,
                                ["reason"] = c.Reason,
                            }
                    ),
                ]),
                ["entries"] = BenchFlags.Json(entries),
            };
            return call.Result(
                json,
                output =>
                {
                    output.WriteLine(CpuFeatures.Describe());
                    output.WriteLine(
                        Format.Text(
                            $"limits: {roof.FlopsPerSecond / 1e9:0} GFLOP/s ({kernel}), {roof.BytesPerSecond / 1e9:0.0} GB/s from memory, {machine.ReadOneThread / 1e9:0.0} by one thread"
                        )
                    );
                    output.WriteLine(
                        "units: "
                            + string.Join(
                                ", ",
                                machine.Units.Select(u =>
                                    Format.Text(
                                        $"{u.Type} {u.Instruction} {u.AllThreads / 1e9:0} G/s ({u.OneThread / 1e9:0} by one thread)"
                                    )
                                )
                            )
                    );
                    foreach (KernelChoice choice in machine.Choices)
                    {
                        output.WriteLine($"{choice.Type}: {choice.Kernel}; {choice.Reason}");
                    }
                    Table table = new Table().Border(TableBorder.Rounded).AddColumns("op", "sizes", "ms", "rate", "of limit");
                    foreach (KernelEntry e in entries)
                    {
                        table.AddRow(
                            e.Name,
                            Markup.Escape(e.Shape),
                            Format.Text($"{1e3 * e.Seconds:0.000}"),
                            Format.Text($"{e.Rate:0.0} {e.Unit}"),
                            Format.Text($"{100 * e.Fraction:0} %")
                        );
                    }
                    call.Page.Write(table);
                }
            );
        }
    }
}
