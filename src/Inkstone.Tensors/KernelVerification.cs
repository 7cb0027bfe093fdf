namespace Inkstone.Tensors;

/// <summary>One comparison: the largest difference found, relative to the largest value, and what is allowed.</summary>
public sealed record KernelCheck(string Name, double Worst, double Tolerance)
{
    /// <summary>Within the tolerance.</summary>
    public bool Ok => Worst <= Tolerance;
}

/// <summary>Every op's forward and backward pass at every instruction-set level of this machine, against the portable level in float32.</summary>
public static class KernelVerification
{
    private const int Batch = 2, Length = 113, Heads = 6, KeyValueHeads = 2, HeadDim = 20, Width = Heads * HeadDim, Vocabulary = 331;

    private static readonly ColumnRuns DecayColumns = new((0, 2)), BetaColumns = new((2, 2));

    private static readonly (string Name, Func<Inputs, Tensor> Run)[] Cases =
    [
        ("linear", t => Ops.Linear(t.X, t.Square, t.Bias, t.Y)),
        ("rms_norm", t => Ops.RmsNorm(t.X, t.Bias, 1e-5f)),
        ("swiglu", t => Ops.SwiGlu(t.X, t.Y)),
        ("softmax", t => Ops.Softmax(t.X)),
        ("rope", t => Ops.Rope(t.X, Heads, t.Positions, RotaryTable.Default(HeadDim, 10000))),
        ("embedding", t => Ops.Embedding(t.Table, t.Ids)),
        ("attention", t => Ops.Attention(t.X, t.Keys, t.Values, Heads, KeyValueHeads, 0.25f, t.Starts)),
        ("causal_conv", t => Ops.CausalConv(t.X, t.Taps, t.Starts)),
        ("rms_norm_gated", t => Ops.RmsNormGated(t.X, t.Y, t.Gains, 1e-5f)),
        ("gated_delta_rule", t => Ops.GatedDeltaRule(t.X, Ops.LogDecay(Ops.Columns(t.Y, DecayColumns), t.Rates, t.Rates), Ops.Sigmoid(Ops.Columns(t.Y, BetaColumns)),
            keyHeads: 2, HeadDim, t.Starts)),
        ("linear_cross_entropy", t => Ops.LinearCrossEntropy(t.X, t.Table, t.Ids, Batch * Length)),
        ("log_probs", t => Ops.LogProbs(t.X, t.Table, t.Ids)),
    ];

    /// <summary>Runs all of them. bfloat16 levels are also run multiplying in bfloat16, with a tolerance of its 8 bits.</summary>
    public static IReadOnlyList<KernelCheck> Run()
    {
        List<KernelCheck> checks = [];
        using Device portable = new(1, Isa.Portable);
        foreach (Isa level in CpuFeatures.Levels().Where(level => level <= CpuFeatures.Best()))
        {
            Compare(portable, level, DType.Float32, 2e-5, checks);
            if (level >= Isa.Avx512Bf16)
            {
                Compare(portable, level, DType.BFloat16, 3e-2, checks);
            }
        }
        return checks;
    }

    private static void Compare(Device portable, Isa level, DType type, double tolerance, List<KernelCheck> checks)
    {
        using Device device = new(2, level, type);
        foreach ((string name, Func<Inputs, Tensor> run) in Cases)
        {
            List<float[]> expected = Evaluate(portable, run), actual = Evaluate(device, run);
            double worst = expected.Zip(actual, Difference).Max();
            checks.Add(new KernelCheck($"{level.ToString().ToLowerInvariant()}/{(type == DType.Float32 ? "fp32" : "bf16")}/{name}", worst, tolerance));
        }
    }

    /// <summary>The result and the gradients of all inputs, of the loss Σ result · fixed weights.</summary>
    private static List<float[]> Evaluate(Device device, Func<Inputs, Tensor> run)
    {
        using Inputs inputs = new(device);
        List<float[]> arrays = [];
        using (device.Step(record: true))
        {
            Tensor y = run(inputs);
            arrays.Add(y.Span.ToArray());
            Tensor weights = device.Rent(y.Shape);
            new PhiloxRandom(9, 0).FillNormal(weights.Span, 1);
            device.Tape.Backward(Ops.Sum(Ops.Multiply(y, weights)));
            arrays.AddRange(inputs.Trained.Where(t => t.Grad is not null).Select(t => t.Grad!.Span.ToArray()));
        }
        return arrays;
    }

    private static double Difference(float[] expected, float[] actual)
    {
        double worst = 0, largest = 1e-30;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            worst = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(worst, difference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }
        return worst / largest;
    }

    /// <summary>The same random inputs on any device.</summary>
    private sealed class Inputs : IDisposable
    {
        private readonly Device _device;
        private ulong _stream;

        public Inputs(Device device)
        {
            _device = device;
            X = Random(new Shape(Batch, Length, Width));
            Y = Random(new Shape(Batch, Length, Width));
            Keys = Random(new Shape(Batch, Length, KeyValueHeads * HeadDim));
            Values = Random(new Shape(Batch, Length, KeyValueHeads * HeadDim));
            Square = Random(new Shape(Width, Width));
            Bias = Random(new Shape(Width));
            Table = Random(new Shape(Vocabulary, Width));
            Taps = Random(new Shape(Width, 1, 4));
            Gains = Random(new Shape(HeadDim));
            Rates = Random(new Shape(2));
            Trained = [X, Y, Keys, Values, Square, Bias, Table, Taps, Gains, Rates];
            int[] ids = new int[Batch * Length], positions = new int[ids.Length], starts = new int[ids.Length];
            for (int i = 0; i < ids.Length; i++)
            {
                int t = i % Length;
                ids[i] = i * 37 % Vocabulary;
                starts[i] = t < 40 ? 0 : 40;
                positions[i] = t - starts[i];
            }
            Ids = Tensor.From(device, new Shape(Batch, Length), ids);
            Positions = Tensor.From(device, new Shape(Batch, Length), positions);
            Starts = Tensor.From(device, new Shape(Batch, Length), starts);
        }

        public Tensor X { get; }

        public Tensor Y { get; }

        public Tensor Keys { get; }

        public Tensor Values { get; }

        public Tensor Square { get; }

        public Tensor Bias { get; }

        public Tensor Table { get; }

        public Tensor Taps { get; }

        public Tensor Gains { get; }

        public Tensor Rates { get; }

        public Tensor Ids { get; }

        public Tensor Positions { get; }

        public Tensor Starts { get; }

        public IReadOnlyList<Tensor> Trained { get; }

        public void Dispose()
        {
            foreach (Tensor tensor in Trained.Concat([Ids, Positions, Starts]))
            {
                tensor.Dispose();
            }
        }

        private Tensor Random(Shape shape)
        {
            Tensor tensor = Tensor.Allocate(_device, shape, DType.Float32, requiresGrad: true);
            new PhiloxRandom(7, _stream++).FillNormal(tensor.Span, 1);
            return tensor;
        }
    }
}
