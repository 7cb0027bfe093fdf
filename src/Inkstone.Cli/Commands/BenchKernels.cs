using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench kernels</c>.</summary>
internal static class BenchKernels
{
    public static Verb Create()
    {
        Option<string> config = BenchFlags.Config();
        Option<int> rows = BenchFlags.Batch(), length = BenchFlags.Length();
        return new Verb("kernels", "every op at a model's sizes: time, rate, and fraction of the limit measured in the same run", [config, rows, length], Run,
            "ink bench kernels --config microlm-31m", "ink bench kernels --config microlm-31m --batch 8 --length 512 --precision bf16 --json");

        int Run(Call call)
        {
            List<KernelEntry> entries = [];
            Roof? roof = null;
            string kernel = "";
            call.Compute(device =>
            {
                roof = Roof.Measure(device);
                kernel = device.MatMulKernelName;
                KernelBench bench = new(device, roof);
                Formats.HfConfig model = BenchFlags.Model(call, config);
                entries.AddRange(bench.Run(model, call.Get(rows), call.Get(length)));
                entries.AddRange(bench.Decode(model));
                return 0;
            });
            JsonObject json = new()
            {
                ["machine"] = CpuFeatures.Describe(),
                ["kernel"] = kernel,
                ["roof_flops_per_second"] = roof!.FlopsPerSecond,
                ["roof_bytes_per_second"] = roof.BytesPerSecond,
                ["entries"] = BenchFlags.Json(entries),
            };
            return call.Result(json, output =>
            {
                output.WriteLine(CpuFeatures.Describe());
                output.WriteLine(Figures.Of($"limits: {roof.FlopsPerSecond / 1e9:0} GFLOP/s ({kernel}), {roof.BytesPerSecond / 1e9:0.0} GB/s from memory"));
                Table table = new Table().Border(TableBorder.Rounded).AddColumns("op", "sizes", "ms", "rate", "of limit");
                foreach (KernelEntry e in entries)
                {
                    table.AddRow(e.Name, Markup.Escape(e.Shape), Figures.Of($"{1e3 * e.Seconds:0.000}"), Figures.Of($"{e.Rate:0.0} {e.Unit}"), Figures.Of($"{100 * e.Fraction:0} %"));
                }
                call.Page.Write(table);
            });
        }
    }
}
