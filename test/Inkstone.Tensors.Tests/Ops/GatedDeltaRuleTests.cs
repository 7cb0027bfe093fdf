namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class GatedDeltaRuleTests(Devices devices)
{
    /// <summary>Lengths around a chunk, dimensions around vectors and tiles, one and several value heads per key head.</summary>
    [Theory]
    [InlineData(2, 1, 1, 1, 1, 1, 0)]
    [InlineData(2, 5, 2, 4, 3, 5, 0)]
    [InlineData(1, 63, 1, 2, 16, 16, 0)]
    [InlineData(1, 64, 2, 2, 8, 20, 0)]
    [InlineData(1, 65, 1, 1, 33, 17, 0)]
    [InlineData(2, 130, 1, 2, 12, 16, 0)]
    [InlineData(1, 150, 1, 1, 64, 64, 0)]
    [InlineData(1, 70, 1, 1, 20, 100, 0)]
    [InlineData(2, 40, 1, 2, 16, 16, 3)]
    [InlineData(2, 200, 2, 4, 8, 8, 5)]
    [InlineData(1, 80, 1, 1, 8, 8, 80)]
    public void Chunks(int batch, int length, int keyHeads, int valueHeads, int keyDim, int valueDim, int documents)
    {
        DeltaSizes n = new(batch, length, keyHeads, valueHeads, keyDim, valueDim);
        int[]? starts = documents > 0 ? Documents.Starts(batch, length, documents) : null;
        (OpInput qkv, OpInput decay, OpInput beta) = Inputs(n, -0.4f);
        new OpCheck(
            (bench, x) =>
                Ops.GatedDeltaRule(x[0], x[1], x[2], keyHeads, keyDim, starts is null ? null : bench.Int(new Shape(batch, length), starts)),
            x => Reference.GatedDeltaRule(x[0], x[1], x[2], n, starts),
            qkv,
            decay,
            beta
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    [Fact]
    public void StrongDecays_KeepTheirDigits()
    {
        // Sums of −25 and of −0.001 in one chunk: their differences must not lose the small ones.
        DeltaSizes n = new(1, 128, 1, 1, 16, 16);
        (OpInput qkv, OpInput decay, OpInput beta) = Inputs(n, -0.002f);
        for (int i = 0; i < n.Length; i += 9)
        {
            decay.Values[i] = -25;
        }
        new OpCheck(
            (_, x) => Ops.GatedDeltaRule(x[0], x[1], x[2], 1, 16),
            x => Reference.GatedDeltaRule(x[0], x[1], x[2], n),
            qkv,
            decay,
            beta
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Correct(devices.Default);
    }

    /// <summary>Steps of one token go through the recurrence, longer ones through chunks; both go on from the state.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(24)]
    [InlineData(84)]
    public void GoesOnFromItsState(int step)
    {
        DeltaSizes n = new(2, 168, 2, 4, 20, 24),
            part = n with { Length = step };
        (OpInput qkv, OpInput decay, OpInput beta) = Inputs(n, -0.3f);
        double[] expected = Reference.GatedDeltaRule(
            OpInput.Doubles(qkv.Values),
            OpInput.Doubles(decay.Values),
            OpInput.Doubles(beta.Values),
            n
        );
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            using OpBench bench = new(device);
            using (device.Step())
            {
                Tensor state = bench.Float(new Shape(3, 4, 20, 24), new float[3 * 4 * n.StateCount]);
                for (int t = 0; t < n.Length; t += step)
                {
                    RaggedRows rows = new(
                        bench.Int(new Shape(3), [0, step, 2 * step]),
                        bench.Int(new Shape(2), [t, t]),
                        bench.Int(new Shape(2), [2, 0])
                    );
                    Tensor o = Ops.GatedDeltaRule(Part(qkv), Part(decay), Part(beta), 2, 20, rows, state);
                    Near.Check(
                        o.Span,
                        [.. Enumerable.Range(0, 2).SelectMany(b => expected.Skip((b * n.Length + t) * 96).Take(step * 96))],
                        4e-6,
                        $"{device.Isa}, tokens from {t} on"
                    );

                    Tensor Part(OpInput x) =>
                        bench.Float(
                            new Shape(1, 2 * step, x.Shape.Last),
                            [
                                .. Enumerable
                                    .Range(0, 2)
                                    .SelectMany(b => x.Values.Skip((b * n.Length + t) * x.Shape.Last).Take(step * x.Shape.Last)),
                            ]
                        );
                }
            }
        }
    }

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        Tensor qkv = bench.Empty(new Shape(1, 4, 28)),
            gates = bench.Empty(new Shape(1, 4, 2)),
            state = bench.Empty(new Shape(1, 2, 4, 6));
        RaggedRows rows = new(bench.Int(new Shape(2), [0, 4]), bench.Int(new Shape(1), [0]), bench.Int(new Shape(1), [0]));
        using (devices.Default.Step())
        {
            Ops.GatedDeltaRule(qkv, gates, gates, 2, 4, rows, state).Shape.ShouldBe(new Shape(1, 4, 12));
            Should.Throw<ArgumentException>(() => Ops.GatedDeltaRule(qkv, gates, gates, 2, 7)).Message.ShouldContain("2 key heads of 7");
            Should.Throw<ArgumentException>(() => Ops.GatedDeltaRule(qkv, gates, gates, 3, 4));
            Should
                .Throw<ArgumentException>(() =>
                    Ops.GatedDeltaRule(qkv, gates, gates, 2, 4, rows with { Slots = bench.Int(new Shape(1), [1]) }, state)
                )
                .Message.ShouldContain("slot 1");
        }
    }

    private static (OpInput Qkv, OpInput Decay, OpInput Beta) Inputs(DeltaSizes n, float lowest) =>
        (
            OpInput.Random(new Shape(n.Batch, n.Length, n.Width), 1),
            OpInput.Random(new Shape(n.Batch, n.Length, n.ValueHeads), 2, lowest, 0),
            OpInput.Random(new Shape(n.Batch, n.Length, n.ValueHeads), 3, 0.05f, 0.95f)
        );
}
