using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Bench;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench train</c>.</summary>
internal static class BenchTrain
{
    public static CliCommand Create()
    {
        Option<string> config = BenchFlags.Config();
        Option<int> rows = BenchFlags.Batch(),
            length = BenchFlags.Length();
        Option<int> steps = new("--steps")
        {
            Description = "measured steps",
            HelpName = "N",
            DefaultValueFactory = _ => 5,
        };
        Option<int?> lora = new("--lora")
        {
            Description = "rank of an adapter on q, k, v and o that is trained on a bfloat16 model, instead of all weights",
            HelpName = "R",
        };
        Option<string> wire = Flags.Choice("--wire", "under mpirun: type in which gradients travel: fp32 or bf16", "TYPE", "fp32", "bf16");
        Option<double> bucket = new("--bucket-mb")
        {
            Description = "under mpirun: gradients that travel at once, MiB",
            HelpName = "MIB",
            DefaultValueFactory = _ => 4,
        };
        Option<bool> recompute = new("--recompute") { Description = "keep only the inputs of blocks and compute what is inside again" };
        Option<string> compare = new("--compare")
        {
            Description = "a JSON result of an earlier run to print ratios against",
            HelpName = "FILE",
        };
        return new CliCommand(
            "train",
            "whole training steps of a model on random tokens, and where the time goes",
            [config, rows, length, steps, lora, recompute, wire, bucket, compare],
            Run,
            "ink bench train --config microlm-31m --precision bf16",
            "ink bench train --config qwen2.5-0.5b --batch 2 --length 512 --lora 8 --precision bf16 --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            EarlierTrainBench? earlier = call.Get(compare) is { } file ? EarlierTrainBench.Read(file) : null; // before minutes are spent
            (int batch, int tokens, int measured) = (
                BenchFlags.Rows(call, rows),
                BenchFlags.Tokens(call, length),
                BenchFlags.Rounds(call, steps)
            );
            LoraConfig? adapter = call.Get(lora) is { } rank
                ? new LoraConfig(rank, 2 * rank, ["q_proj", "k_proj", "v_proj", "o_proj"]).Validate("--lora")
                : null;
            string kernel = "";
            TrainCost cost = call.Compute(device =>
            {
                kernel = device.MatMulKernelName;
                return TrainBench.Run(
                    device,
                    BenchFlags.Model(call, config),
                    batch,
                    tokens,
                    measured,
                    adapter,
                    call.Get(recompute),
                    new Cooperation(
                        call.Ranks,
                        new DistributedOptions(Bf16Wire: call.Get(wire) == "bf16", BucketMegabytes: call.Get(bucket))
                    ),
                    call.Cancelled
                );
            });
            return call.Result(Json(cost, kernel, earlier), output => Print(call, output, cost, kernel, earlier));
        }
    }

    private static JsonObject Json(TrainCost c, string kernel, EarlierTrainBench? earlier)
    {
        JsonArray ops = [];
        foreach (OpCost op in c.Ops)
        {
            JsonObject item = new()
            {
                ["name"] = op.Name,
                ["calls"] = op.Calls,
                ["seconds"] = op.Seconds,
                ["share"] = op.Share,
                ["gflops"] = op.GigaflopsPerSecond,
                ["gbytes_per_second"] = op.GigabytesPerSecond,
                ["fraction"] = Fraction(op, c.Roof),
            };
            if (earlier?.SecondsOfOps.TryGetValue(op.Name, out double before) == true)
            {
                item["times_earlier"] = before / op.Seconds;
            }
            ops.Add((JsonNode)item);
        }
        JsonObject json = new()
        {
            ["machine"] = CpuFeatures.Describe(),
            ["kernel"] = kernel,
            ["parameters"] = c.Parameters,
            ["active_parameters"] = c.ActiveParameters,
            ["ranks"] = c.Ranks,
            ["reduce_seconds_per_step"] = c.ReduceSeconds,
            ["reduce_wait_seconds_per_step"] = c.ReduceWaitSeconds,
            ["seconds_per_step"] = c.Seconds,
            ["tokens_per_second"] = c.TokensPerSecond,
            ["flops_per_second_6n"] = c.FlopsPerSecond,
            ["roof_flops_per_second"] = c.Roof.FlopsPerSecond,
            ["fraction_of_roof"] = c.FractionOfRoof,
            ["managed_bytes_per_step"] = c.ManagedBytes,
            ["peak_bytes"] = c.PeakBytes,
            ["process_peak_bytes"] = Process.GetCurrentProcess().PeakWorkingSet64,
            ["ops"] = ops,
        };
        if (earlier is not null)
        {
            json["times_earlier"] = c.TokensPerSecond / earlier.TokensPerSecond;
        }
        return json;
    }

    private static double Fraction(OpCost op, Roofline roof) =>
        op.GigaflopsPerSecond > 0 ? op.GigaflopsPerSecond * 1e9 / roof.FlopsPerSecond : op.GigabytesPerSecond * 1e9 / roof.BytesPerSecond;

    private static void Print(CommandContext call, TextWriter output, TrainCost c, string kernel, EarlierTrainBench? earlier)
    {
        output.WriteLine(CpuFeatures.Describe() + ", " + kernel);
        output.WriteLine(
            Format.Text(
                $"{Format.Count(c.Parameters)} parameters{(c.ActiveParameters == c.Parameters ? "" : $" ({Format.Count(c.ActiveParameters)} active)")}, {c.Tokens} tokens a step, {1e3 * c.Seconds:0} ms: {c.TokensPerSecond:0} tokens/s"
            )
        );
        output.WriteLine(
            Format.Text(
                $"{c.FlopsPerSecond / 1e9:0} GFLOP/s by 6N, {100 * c.FractionOfRoof:0} % of the {c.Roof.FlopsPerSecond / 1e9:0} measured; {c.ManagedBytes} managed bytes a step; {c.PeakBytes >> 20} MiB of activations at most, {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB in all"
            )
        );
        if (c.Ranks > 1)
        {
            output.WriteLine(
                Format.Text(
                    $"{c.Ranks} processes, each with its own rows; gradients are summed in {1e3 * c.ReduceSeconds:0} ms a step, of which {1e3 * c.ReduceWaitSeconds:0} ms are waited for"
                )
            );
        }
        if (earlier is not null)
        {
            output.WriteLine(Format.Text($"{c.TokensPerSecond / earlier.TokensPerSecond:0.00} × the earlier run"));
        }
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("op", "calls", "ms", "share", "rate", "of limit");
        if (earlier is not null)
        {
            table.AddColumn("× before");
        }
        foreach (OpCost op in c.Ops)
        {
            List<string> row =
            [
                op.Name,
                Format.Text($"{op.Calls}"),
                Format.Text($"{1e3 * op.Seconds:0.0}"),
                Format.Text($"{100 * op.Share:0.0} %"),
                op.GigaflopsPerSecond > 0
                    ? Format.Text($"{op.GigaflopsPerSecond:0} GFLOP/s")
                    : Format.Text($"{op.GigabytesPerSecond:0.0} GB/s"),
                Format.Text($"{100 * Fraction(op, c.Roof):0} %"),
            ];
            if (earlier is not null)
            {
                row.Add(
                    earlier.SecondsOfOps.TryGetValue(op.Name, out double seconds) ? Format.Text($"{seconds / op.Seconds:0.00}") : "new"
                );
            }
            table.AddRow([.. row]);
        }
        call.Page.Write(table);
    }
}
