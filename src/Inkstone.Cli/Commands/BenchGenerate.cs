using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;
using Profile = Inkstone.Tensors.Profile;

namespace Inkstone.Cli;

/// <summary><c>ink bench generate</c>: a prompt read and tokens made greedily, as <c>ink generate</c> does, without text.</summary>
internal static class BenchGenerate
{
    public static Verb Create()
    {
        Option<string> model = Flags.Model(), weights = Flags.Weights();
        Option<int> length = BenchFlags.Length();
        Option<int> tokens = new("--tokens") { Description = "tokens to make", HelpName = "N", DefaultValueFactory = _ => 64 };
        Option<int> rounds = new("--rounds") { Description = "measured rounds; the median is told", HelpName = "R", DefaultValueFactory = _ => 5 };
        return new Verb("generate", "reading a prompt and making tokens one by one, and where the time goes", [model, weights, length, tokens, rounds], Run,
            "ink bench generate --model model.gguf", "ink bench generate --model model.gguf --length 512 --tokens 128 --json");

        int Run(Call call)
        {
            (int read, int written, int measured) = (BenchFlags.Tokens(call, length), BenchFlags.Tokens(call, tokens, least: 2), BenchFlags.Rounds(call, rounds));
            Cost cost = call.Compute(device =>
            {
                using CausalLm m = Models.Open(call.Get(model)!, device, call.Get(weights));
                read = call.Has(length) ? read : Math.Clamp(m.MaxPositionEmbeddings - written, 1, read);
                return read + written <= m.MaxPositionEmbeddings ? Measure(m, Roof.Measure(device), read, written, measured, call.Cancelled)
                    : throw new ArgumentException($"--length {read} and --tokens {written} do not fit the model's context of {m.MaxPositionEmbeddings}; give fewer");
            });
            return call.Result(cost.Json(), output => cost.Print(call, output));
        }
    }

    private static Cost Measure(CausalLm model, Roof roof, int length, int tokens, int rounds, CancellationToken cancelled)
    {
        int[] prompt = [.. Enumerable.Range(0, length).Select(i => (int)((1000 + i * 37L) % model.VocabSize))];
        Generator generator = new(model);
        List<double> prefill = [], decode = [];
        long bytes = 0;
        for (int round = -2; round < rounds; round++)
        {
            cancelled.ThrowIfCancellationRequested();
            (double first, double rest, bytes) = Round(generator, prompt, tokens);
            if (round >= 0)
            {
                prefill.Add(first);
                decode.Add(rest / (tokens - 1));
            }
        }
        Profile reading = new(), writing = new();
        _ = Round(generator, prompt, tokens, () => model.Device.Profile = writing, () => model.Device.Profile = reading);
        model.Device.Profile = null;
        double weightBytes = model.Parameters.Where(p => p.Tensor.Shape.Rank == 2).Sum(p => model.ActiveShare(p) * p.Tensor.DType.Bytes(p.Tensor.Count));
        string type = model.Parameters.Where(p => p.Tensor.Shape.Rank == 2).GroupBy(p => p.Tensor.DType).MaxBy(g => g.Sum(p => p.Tensor.Count))!.Key.ToString().ToLowerInvariant();
        int threads = model.Device.Workers.Count;
        return new Cost(
            [
                new("prefill", $"{length} tokens", type, threads, Median(prefill), length / Median(prefill), "tokens/s", roof.FlopsPerSecond / (2.0 * model.ActiveElementCount)),
                new("decode", $"{tokens} tokens after {length}", type, threads, Median(decode), 1 / Median(decode), "tokens/s", roof.BytesPerSecond / weightBytes),
            ],
            bytes / (tokens - 1), [.. Ops("prefill", reading, 1), .. Ops("decode", writing, tokens - 1)]);
    }

    private static IEnumerable<Op> Ops(string phase, Profile profile, int tokens)
        => profile.Entries.OrderByDescending(e => e.Value.Seconds).Select(e => new Op(phase, e.Key, (double)e.Value.Calls / tokens, e.Value.Seconds / tokens));

    /// <summary>Seconds to the first token and of all others, and managed bytes that the others cost.</summary>
    private static (double First, double Others, long Bytes) Round(Generator generator, int[] prompt, int tokens, Action? atFirst = null, Action? before = null)
    {
        before?.Invoke();
        long began = Stopwatch.GetTimestamp(), allocated = 0;
        double first = 0;
        foreach (int _ in generator.Generate(prompt, SamplingParams.Greedy(tokens, ignoreEos: true)))
        {
            if (first == 0)
            {
                first = Stopwatch.GetElapsedTime(began).TotalSeconds;
                allocated = GC.GetAllocatedBytesForCurrentThread();
                atFirst?.Invoke();
            }
        }
        return (first, Stopwatch.GetElapsedTime(began).TotalSeconds - first, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private sealed record Op(string Phase, string Name, double Calls, double Seconds);

    private sealed record Cost(KernelEntry[] Entries, long BytesPerToken, Op[] Ops)
    {
        public JsonObject Json()
        {
            JsonArray ops = [];
            foreach (Op op in Ops)
            {
                ops.Add((JsonNode)new JsonObject { ["phase"] = op.Phase, ["name"] = op.Name, ["calls"] = op.Calls, ["seconds"] = op.Seconds });
            }
            return new JsonObject { ["machine"] = CpuFeatures.Describe(), ["entries"] = BenchFlags.Json(Entries), ["managed_bytes_per_token"] = BytesPerToken, ["ops"] = ops };
        }

        public void Print(Call call, TextWriter output)
        {
            output.WriteLine(CpuFeatures.Describe());
            foreach (KernelEntry e in Entries)
            {
                output.WriteLine(Figures.Of($"{e.Name}, {e.Type}, {e.Shape}: {e.Rate:0.0} {e.Unit}, {100 * e.Fraction:0} % of {e.Roof:0}"));
            }
            output.WriteLine(Figures.Of($"{BytesPerToken} managed bytes a token while decoding"));
            Table table = new Table().Border(TableBorder.Rounded).AddColumns("phase", "op", "calls", "ms");
            foreach (Op op in Ops)
            {
                table.AddRow(op.Phase, op.Name, Figures.Of($"{op.Calls:0}"), Figures.Of($"{1e3 * op.Seconds:0.000}"));
            }
            call.Page.Write(table);
        }
    }
}
