using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>One measured kernel: the fastest of several runs, beside the limit that was measured in the same run.</summary>
/// <param name="Name">op and pass</param>
/// <param name="Shape">sizes</param>
/// <param name="Type">fp32 or bf16: what products multiply in</param>
/// <param name="Threads">computing threads</param>
/// <param name="Seconds">of one call</param>
/// <param name="Rate">in <paramref name="Unit"/></param>
/// <param name="Unit">GFLOP/s or GB/s</param>
/// <param name="Roof">the same unit</param>
public sealed record KernelEntry(string Name, string Shape, string Type, int Threads, double Seconds, double Rate, string Unit, double Roof)
{
    /// <summary>Rate / roof. Above 1 for memory means that the operands were in cache.</summary>
    public double Fraction => Rate / Roof;
}

/// <summary>Every op of a model's training step at that model's sizes.</summary>
public sealed class KernelBench
{
    private const int Runs = 5;

    private readonly Device _device;
    private readonly Roof _roof;
    private readonly string _type;
    private ulong _stream;

    /// <summary>Measures on <paramref name="device"/>, which is profiled meanwhile.</summary>
    public KernelBench(Device device, Roof roof)
    {
        (_device, _roof) = (device, roof);
        _type = device.MatMulType == DType.BFloat16 ? "bf16" : "fp32";
    }

    /// <summary>Forward and backward passes of the ops of one block, the embedding and the loss, for a batch of <paramref name="rows"/> × <paramref name="length"/> tokens.</summary>
    public IEnumerable<KernelEntry> Run(HfConfig config, int rows, int length)
    {
        int width = config.Int("hidden_size"), inner = config.Int("intermediate_size"), vocabulary = config.Int("vocab_size");
        int heads = config.Int("num_attention_heads"), kvHeads = config.Int("num_key_value_heads", heads), headDim = config.Int("head_dim", width / heads);
        Shape x = new(rows, length, width), h = new(rows, length, inner), q = new(rows, length, heads * headDim), kv = new(rows, length, kvHeads * headDim);
        using Tensor positions = Integers(rows, length, (i, t) => t), ids = Integers(rows, length, (i, t) => (i * 7919 + t * 31) % vocabulary);
        int tokens = rows * length;
        return
        [
            .. Linear(x, heads * headDim), .. Linear(x, inner), .. Linear(h, width),
            .. Measure($"[{tokens}, {width}]", [Random(x), Random(new Shape(width))], t => Ops.RmsNorm(t[0], t[1], 1e-5f)),
            .. Measure($"[{tokens}, {inner}]", [Random(h), Random(h)], t => Ops.SwiGlu(t[0], t[1])),
            .. Measure($"[{tokens}, {heads}, {headDim}]", [Random(q)], t => Ops.Rope(t[0], heads, positions, RotaryTable.Default(headDim, 10000))),
            .. Measure($"B {rows}, T {length}, {heads}/{kvHeads} heads of {headDim}", [Random(q), Random(kv), Random(kv)],
                t => Ops.Attention(t[0], t[1], t[2], heads, kvHeads, 1 / MathF.Sqrt(headDim))),
            .. Measure($"[{tokens}] of [{vocabulary}, {width}]", [Random(new Shape(vocabulary, width))], t => Ops.Embedding(t[0], ids)),
            .. Measure($"[{tokens}, {width}]·[{width}, {vocabulary}]", [Random(x), Random(new Shape(vocabulary, width))],
                t => Ops.LinearCrossEntropy(t[0], t[1], ids, tokens)),
        ];
    }

    /// <summary>The product alone for a few rows, as in decoding.</summary>
    public IEnumerable<KernelEntry> Decode(HfConfig config)
    {
        int width = config.Int("hidden_size"), inner = config.Int("intermediate_size");
        foreach (int rows in (int[])[1, 4, 8, 16])
        {
            Tensor[] inputs = [Random(new Shape(rows, width)), Random(new Shape(inner, width)), Random(new Shape(rows, inner))];
            double flops = 2.0 * rows * width * inner, bytes = sizeof(float) * (double)width * inner;
            double seconds = Fastest(() => Ops.MatMul(inputs[0], false, inputs[1], true, inputs[2]));
            // One row is bound by memory, more rows by arithmetic.
            yield return rows == 1 ? Entry("linear.decode", $"1×{inner}×{width}", seconds, 0, bytes) : Entry("linear.decode", $"{rows}×{inner}×{width}", seconds, flops, 0);
            Array.ForEach(inputs, t => t.Dispose());
        }
    }

    private List<KernelEntry> Linear(Shape x, int outputs)
        => Measure($"{x.Rows}×{outputs}×{x.Last}", [Random(x), Random(new Shape(outputs, x.Last))], t => Ops.Linear(t[0], t[1]));

    /// <summary>Runs an op with its backward pass and takes from the profile what its kernels needed.</summary>
    private List<KernelEntry> Measure(string shape, Tensor[] inputs, Func<Tensor[], Tensor> op)
    {
        Dictionary<string, Profile.Entry> best = [];
        for (int run = 0; run <= Runs; run++)
        {
            Profile profile = new();
            using (_device.Step(record: true))
            {
                _device.Profile = profile;
                Tensor y = op(inputs);
                _device.Profile = null;
                Tensor root = y.Count == 1 ? y : Ops.Sum(y);
                _device.Profile = profile;
                _device.Tape.Backward(root);
                _device.Profile = null;
            }
            foreach ((string name, Profile.Entry entry) in profile.Entries)
            {
                if (run > 0 && !name.StartsWith("sum", StringComparison.Ordinal) && name != "accumulate" && (!best.TryGetValue(name, out Profile.Entry? old) || entry.Seconds < old.Seconds))
                {
                    best[name] = entry;
                }
            }
            Array.ForEach(inputs, t => t.ZeroGrad());
        }
        Array.ForEach(inputs, t => t.Dispose());
        return [.. best.Select(pair => Entry(pair.Key, shape, pair.Value.Seconds, pair.Value.Flops, pair.Value.Bytes))];
    }

    private KernelEntry Entry(string name, string shape, double seconds, double flops, double bytes) => flops > 0
        ? new KernelEntry(name, shape, _type, _device.Workers.Count, seconds, flops / seconds / 1e9, "GFLOP/s", _roof.FlopsPerSecond / 1e9)
        : new KernelEntry(name, shape, _type, _device.Workers.Count, seconds, bytes / seconds / 1e9, "GB/s", _roof.BytesPerSecond / 1e9);

    private static double Fastest(Action run)
    {
        double best = double.PositiveInfinity;
        for (int i = 0; i < 4 * Runs; i++)
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private Tensor Random(Shape shape)
    {
        Tensor tensor = Tensor.Allocate(_device, shape, DType.Float32, requiresGrad: true);
        new PhiloxRandom(3, _stream++).FillNormal(tensor.Span, 1);
        return tensor;
    }

    private Tensor Integers(int rows, int length, Func<int, int, int> value)
    {
        Tensor tensor = Tensor.Allocate(_device, new Shape(rows, length), DType.Int32);
        for (int i = 0; i < rows * length; i++)
        {
            tensor.Ints[i] = value(i / length, i % length);
        }
        return tensor;
    }
}
