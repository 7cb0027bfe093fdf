using System.Text.Json;
using Inkstone.Tensors;

namespace Inkstone.Nn.Tests;

public sealed class OptimizerTests : IDisposable
{
    private readonly Device _device = new(threads: 2);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData("linear", Schedule.Linear, 0, 0)]
    [InlineData("cosine", Schedule.Cosine, 0, 0)]
    [InlineData("cosine_min_rate_0_1", Schedule.Cosine, 0.1, 0)]
    [InlineData("constant", Schedule.Constant, 0, 0)]
    [InlineData("wsd_linear_decay20_min0", Schedule.WsdLinear, 0, 20)]
    [InlineData("wsd_1_sqrt", Schedule.WsdSqrt, 0, 20)]
    public void Schedules_are_those_of_transformers(string name, Schedule schedule, double min, int decay)
    {
        using JsonDocument golden = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Numbers", "schedules.json"))
        );
        LearningRate rate = new(schedule, TotalSteps: 100, WarmupSteps: 10, decay, min, WarmupFromZero: true);
        int step = 0;
        foreach (JsonElement expected in golden.RootElement.GetProperty(name).EnumerateArray())
        {
            rate.At(step++).ShouldBe(expected.GetDouble(), 1e-6);
        }
        step.ShouldBeGreaterThan(100);
    }

    [Fact]
    public void Settings_that_make_no_sense_are_named_with_their_range()
    {
        foreach (
            (string part, Action make) in new (string, Action)[]
            {
                ("Rate must be 0 or more", () => new AdamWSettings(Rate: -1).Validate()),
                ("Rate must be", () => new AdamWSettings(Rate: double.NaN).Validate()),
                ("Beta1 must be from 0 to below 1", () => new AdamWSettings(Beta1: 1).Validate()),
                ("Beta2 must be", () => new AdamWSettings(Beta2: double.PositiveInfinity).Validate()),
                ("Epsilon must be", () => new AdamWSettings(Epsilon: -1e-8).Validate()),
                ("WeightDecay must be", () => new AdamWSettings(WeightDecay: double.NaN).Validate()),
                ("Momentum must be from 0 to below 1", () => new MuonSettings(Momentum: 1).Validate()),
                ("Steps must be from 1 to 100", () => new MuonSettings(Steps: 0).Validate()),
            }
        )
        {
            Should.Throw<ArgumentException>(make).Message.ShouldStartWith(part);
        }
    }

    [Fact]
    public void Schedules_at_known_points()
    {
        LearningRate cosine = new(Schedule.Cosine, TotalSteps: 200, WarmupSteps: 20, MinMultiple: 0.1);
        cosine.At(0).ShouldBe(1 / 20.0, 1e-12);
        cosine.At(19).ShouldBe(1, 1e-12);
        cosine.At(110).ShouldBe(0.1 + 0.9 * 0.5, 1e-12);
        cosine.At(199).ShouldBe(0.1 + 0.9 * 0.5 * (1 + Math.Cos(Math.PI * 179 / 180)), 1e-12);
        LearningRate wsd = new(Schedule.WsdSqrt, TotalSteps: 100, DecaySteps: 20);
        (wsd.At(79), wsd.At(80), wsd.At(85), wsd.At(100)).ShouldBe((1, 1, 0.5, 0));
    }

    /// <summary>Against the published equations in double precision, over lengths with and without vector tails.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    [InlineData(40_001)]
    public void AdamW_follows_its_equations(int count)
    {
        Random random = new(count);
        AdamWSettings s = new(Rate: 0.01, WeightDecay: 0.1);
        foreach (bool matrix in new[] { true, false })
        {
            Shape shape = matrix ? new Shape(1, count) : new Shape(count);
            float[] start = Values(random, count);
            (Parameters parameters, Tensor w) = One(shape, start);
            AdamW optimizer = new(parameters, s);
            double[] x = [.. start.Select(v => (double)v)],
                m = new double[count],
                v = new double[count];
            for (int step = 1; step <= 3; step++)
            {
                float[] g = Values(random, count);
                SetGradient(w, g);
                optimizer.Step(multiple: 0.5, gradientScale: 0.25);
                w.ZeroGrad();
                for (int i = 0; i < count; i++)
                {
                    double gi = g[i] * 0.25,
                        rate = 0.005;
                    m[i] = 0.9 * m[i] + 0.1 * gi;
                    v[i] = 0.95 * v[i] + 0.05 * gi * gi;
                    x[i] -= matrix ? rate * 0.1 * x[i] : 0;
                    x[i] -= rate * (m[i] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.95, step))) + 1e-8);
                }
            }
            for (int i = 0; i < count; i++)
            {
                ((double)w.Span[i]).ShouldBe(x[i], 2e-6 * Math.Max(1, Math.Abs(x[i])));
            }
        }
    }

    [Fact]
    public void Results_do_not_depend_on_the_thread_count_and_steps_allocate_nothing()
    {
        float[] start = Values(new Random(1), 300 * 200),
            g = Values(new Random(2), 300 * 200);
        List<(double Norm, int[] Bits)> results = [];
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using Device device = new(threads);
            Scope root = new(device, new Given(start));
            Tensor w = root.Parameter("model.layers.0.w", new Shape(300, 200), Initial.Normal);
            Tensor tall = root.Parameter("model.layers.1.w", new Shape(200, 300), Initial.Normal);
            Parameters all = root.Complete();
            IOptimizer[] optimizers = [new AdamW(all, new AdamWSettings()), new Muon(all, new MuonSettings())];
            long before = 0;
            for (int step = 0; step < 6; step++)
            {
                before = step == 3 ? GC.GetAllocatedBytesForCurrentThread() : before;
                SetGradient(w, g);
                SetGradient(tall, g);
                double norm = GradientClip.Norm(all);
                foreach (IOptimizer optimizer in optimizers)
                {
                    optimizer.Step(1, GradientClip.Factor(norm, 1));
                }
                all.ZeroGrad();
                if (step == 5)
                {
                    (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
                    results.Add((norm, [.. w.Span.ToArray().Concat(tall.Span.ToArray()).Select(BitConverter.SingleToInt32Bits)]));
                }
            }
        }
        results.ShouldAllBe(r => r.Norm == results[0].Norm && r.Bits.SequenceEqual(results[0].Bits));
        results[0].Norm.ShouldBe(Math.Sqrt(2 * g.Sum(x => (double)x * x)), 1e-9);
    }

    /// <summary>The iterations bring every singular value near one: U·Uᵀ is near the identity for a wide update, and tall is the transpose
    /// of wide.</summary>
    [Fact]
    public void Muon_makes_the_update_nearly_orthogonal()
    {
        float[] g = Values(new Random(3), 8 * 24),
            transposed = new float[8 * 24];
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 24; j++)
            {
                transposed[j * 8 + i] = g[i * 24 + j];
            }
        }
        float[] wide = Update(new Shape(8, 24), g),
            tall = Update(new Shape(24, 8), transposed);
        for (int i = 0; i < 8; i++)
        {
            double square = 0;
            for (int j = 0; j < 24; j++)
            {
                square += (double)wide[i * 24 + j] * wide[i * 24 + j];
                ((double)tall[j * 8 + i]).ShouldBe(wide[i * 24 + j] * Math.Sqrt(3), 1e-4);
            }
            square.ShouldBeInRange(0.4, 1.5);
        }

        float[] Update(Shape shape, float[] gradient)
        {
            (Parameters parameters, Tensor w) = One(shape, new float[shape.Count]);
            SetGradient(w, gradient);
            new Muon(parameters, new MuonSettings(Rate: 1, WeightDecay: 0)).Step(1);
            return [.. w.Span.ToArray().Select(x => -x)];
        }
    }

    [Fact]
    public void State_is_named_after_the_parameters()
    {
        (Parameters parameters, _) = One(new Shape(2, 2), new float[4]);
        new AdamW(parameters, new AdamWSettings()).State.Select(p => p.Name).ShouldBe(["exp_avg.w", "exp_avg_sq.w"]);
        new Muon(parameters, new MuonSettings()).State.Select(p => p.Name).ShouldBe(["momentum_buffer.w"]);
    }

    private (Parameters Parameters, Tensor Tensor) One(Shape shape, float[] values)
    {
        Scope root = new(_device, new Given(values));
        Tensor w = root.Parameter("w", shape, Initial.Normal);
        return (root.Complete(), w);
    }

    /// <summary>Makes g the gradient of w, as Σ w·g has it.</summary>
    private static void SetGradient(Tensor w, float[] g)
    {
        Device device = w.Device;
        using StepScope step = device.Step(record: true);
        Tensor constant = device.Rent(w.Shape);
        g.CopyTo(constant.Span);
        device.Tape.Backward(Ops.Sum(Ops.Multiply(w, constant)));
    }

    private static float[] Values(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)(2 * random.NextDouble() - 1))];

    private sealed class Given(float[] values) : IParameterSource
    {
        public string Name => "given";

        public string? Fill(string name, Tensor parameter, Initial initial)
        {
            values.CopyTo(parameter.Span);
            return null;
        }

        public IEnumerable<string> Unexpected(Parameters parameters) => [];
    }
}
