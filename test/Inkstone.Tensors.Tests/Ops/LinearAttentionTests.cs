namespace Inkstone.Tensors.Tests;

/// <summary>The ops around the gated delta rule: column runs, convolution, gates, gated and zero-centred norms.</summary>
[Collection(DeviceSuite.Name)]
public sealed class LinearAttentionTests(Devices devices)
{
    private const float Eps = 1e-5f;

    [Fact]
    public void ZeroCentredRmsNorm()
    {
        foreach (int n in new[] { 1, 7, 16, 33, 64, 100 })
        {
            new OpCheck(
                (_, x) => Ops.RmsNorm(x[0], x[1], Eps, zeroCentred: true),
                x => Reference.RmsNorm(x[0], [.. x[1].Select(w => 1 + w)], Eps),
                OpInput.Random(new Shape(2, 9, n), n, 0.2f, 2),
                OpInput.Random(new Shape(n), n + 7, -0.5f, 0.5f)
            )
            {
                GradScale = 1,
            }.Run(devices);
        }
    }

    /// <summary>Parts of a row, each normed by itself with its part of the weight.</summary>
    [Theory]
    [InlineData(3, 5)]
    [InlineData(2, 16)]
    [InlineData(4, 33)]
    public void RmsNorm_OfParts(int groups, int n) =>
        new OpCheck(
            (_, x) => Ops.RmsNorm(x[0], x[1], Eps, zeroCentred: true, groups: groups),
            x =>
                [
                    .. Enumerable
                        .Range(0, 2 * 9 * groups)
                        .SelectMany(part =>
                            Reference.RmsNorm(
                                x[0][(part * n)..((part + 1) * n)],
                                [.. x[1].Skip(part % groups * n).Take(n).Select(w => 1 + w)],
                                Eps
                            )
                        ),
                ],
            OpInput.Random(new Shape(2, 9, groups * n), n, 0.2f, 2),
            OpInput.Random(new Shape(groups * n), n + 7, -0.5f, 0.5f)
        )
        {
            GradScale = 1,
        }.Run(devices);

    [Fact]
    public void RmsNormGated()
    {
        foreach (int n in new[] { 1, 5, 16, 31, 64, 80 })
        {
            new OpCheck(
                (_, x) => Ops.RmsNormGated(x[0], x[1], x[2], Eps),
                x => Reference.RmsNormGated(x[0], x[1], x[2], Eps),
                OpInput.Random(new Shape(2, 67, 3 * n), n, 0.2f, 2),
                OpInput.Random(new Shape(2, 67, 3 * n), n + 3, -3, 3),
                OpInput.Random(new Shape(n), n + 7, 0.5f, 1.5f)
            )
            {
                GradScale = 1,
            }.Run(devices);
        }
    }

    [Fact]
    public void SigmoidGate() =>
        new OpCheck(
            (_, x) => Ops.SigmoidGate(x[0], x[1]),
            x => Reference.SigmoidGate(x[0], x[1]),
            OpInput.Random(new Shape(3, 37, 19), 1),
            OpInput.Random(new Shape(3, 37, 19), 2, -4, 4)
        ).Run(devices);

    [Fact]
    public void LogDecay() =>
        new OpCheck(
            (_, x) => Ops.LogDecay(x[0], x[1], x[2]),
            x => Reference.LogDecay(x[0], x[1], x[2]),
            OpInput.Random(new Shape(2, 70, 6), 1, -4, 4),
            OpInput.Random(new Shape(6), 2, -3, 2),
            OpInput.Random(new Shape(6), 3, 0, 2)
        ).Run(devices);

    /// <summary>One rate per head, one bias per channel; steps of time down to 0.001, whose digits 1 + eˣ would lose.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(35)]
    public void LogDecay_OfChannels(int channels) =>
        new OpCheck(
            (_, x) => Ops.LogDecay(x[0], x[1], x[2]),
            x => Reference.LogDecay(x[0], x[1], x[2]),
            OpInput.Random(new Shape(2, 70, 3 * channels), 1, -4, 4),
            OpInput.Random(new Shape(1, 1, 3, 1), 2, 0, 2.7f),
            OpInput.Random(new Shape(3 * channels), 3, -7, 0)
        ).Run(devices);

    [Theory]
    [InlineData(9, 5, 0)]
    [InlineData(70, 33, 7)]
    public void CausalConv_WithBiasAndWithoutSilu(int length, int channels, int documents)
    {
        int[]? starts = documents > 0 ? Documents.Starts(2, length, documents) : null;
        foreach (bool silu in new[] { false, true })
        {
            new OpCheck(
                (bench, x) => Ops.CausalConv(x[0], x[1], starts is null ? null : bench.Int(new Shape(2, length), starts), x[2], silu),
                x => Reference.CausalConv(x[0], x[1], length, channels, starts, x[2], silu),
                OpInput.Random(new Shape(2, length, channels), length),
                OpInput.Random(new Shape(channels, 1, 3), 3),
                OpInput.Random(new Shape(channels), 4)
            ).Run(devices);
        }
    }

    /// <summary>Taps some tokens apart.</summary>
    [Theory]
    [InlineData(11, 5, 2, 0)]
    [InlineData(70, 33, 3, 7)]
    public void CausalConv_Dilated(int length, int channels, int dilation, int documents)
    {
        int[]? starts = documents > 0 ? Documents.Starts(2, length, documents) : null;
        new OpCheck(
            (bench, x) => Ops.CausalConv(x[0], x[1], starts is null ? null : bench.Int(new Shape(2, length), starts), dilation: dilation),
            x => Reference.CausalConv(x[0], Spread(x[1], 4, dilation), length, channels, starts),
            OpInput.Random(new Shape(2, length, channels), length),
            OpInput.Random(new Shape(channels, 1, 4), 3)
        ).Run(devices);
    }

    /// <summary>Sequences that go on, token by token and in parts, give the convolution of the whole.</summary>
    [Fact]
    public void CausalConv_Dilated_GoesOn()
    {
        const int Length = 23,
            Channels = 18,
            Dilation = 3;
        float[] x = OpInput.Numbers(Length * Channels, 1),
            taps = OpInput.Numbers(Channels * 4, 2);
        using OpBench bench = new(devices.Default);
        using StepScope step = devices.Default.Step();
        Tensor weight = bench.Float(new Shape(Channels, 1, 4), taps),
            history = bench.Float(new Shape(2, 3 * Dilation, Channels), new float[2 * 3 * Dilation * Channels]);
        float[] whole = Ops.CausalConv(bench.Float(new Shape(1, Length, Channels), x), weight, dilation: Dilation).ToArray();
        List<float> parts = [];
        int at = 0;
        foreach (int count in new[] { 5, 1, 1, 9, 2, 5 })
        {
            RaggedRows rows = new(bench.Int(new Shape(2), [0, count]), bench.Int(new Shape(1), [at]), bench.Int(new Shape(1), [1]));
            parts.AddRange(
                Ops.CausalConv(
                        bench.Float(new Shape(1, count, Channels), x.AsSpan(at * Channels, count * Channels).ToArray()),
                        weight,
                        rows,
                        history,
                        dilation: Dilation
                    )
                    .ToArray()
            );
            at += count;
        }
        parts.ToArray().ShouldBe(whole);
    }

    /// <summary>The same convolution with zeros between its taps.</summary>
    private static double[] Spread(double[] weight, int k, int dilation) =>
        [
            .. weight
                .Chunk(k)
                .SelectMany(taps => taps.SelectMany((tap, j) => j == k - 1 ? [tap] : (double[])[tap, .. new double[dilation - 1]])),
        ];

    [Fact]
    public void RowGate_OfHeads() =>
        new OpCheck(
            (_, x) => Ops.RowGate(x[0], x[1]),
            x => [.. x[0].Select((value, i) => value / (1 + Math.Exp(-x[1][i / 19])))],
            OpInput.Random(new Shape(2, 37, 3 * 19), 1),
            OpInput.Random(new Shape(2, 37, 3), 2, -4, 4)
        ).Run(devices);

    [Theory]
    [InlineData(3, 1, 0)]
    [InlineData(9, 5, 0)]
    [InlineData(70, 16, 0)]
    [InlineData(70, 50, 7)]
    [InlineData(12, 33, 12)]
    public void CausalConv(int length, int channels, int documents)
    {
        foreach (int k in new[] { 1, 2, 4 })
        {
            int[]? starts = documents > 0 ? Documents.Starts(2, length, documents) : null;
            new OpCheck(
                (bench, x) => Ops.CausalConv(x[0], x[1], starts is null ? null : bench.Int(new Shape(2, length), starts)),
                x => Reference.CausalConv(x[0], x[1], length, channels, starts),
                OpInput.Random(new Shape(2, length, channels), length),
                OpInput.Random(new Shape(channels, 1, k), k)
            ).Run(devices);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void CausalConv_GoesOnFromItsHistory(int step)
    {
        const int Length = 30,
            Channels = 21,
            K = 4;
        float[] x = OpInput.Numbers(2 * Length * Channels, 1),
            weight = OpInput.Numbers(Channels * K, 2);
        double[] expected = Reference.CausalConv(OpInput.Doubles(x), OpInput.Doubles(weight), Length, Channels);
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor w = bench.Float(new Shape(Channels, 1, K), weight),
                history = bench.Float(new Shape(3, K - 1, Channels), new float[3 * (K - 1) * Channels]);
            for (int t = 0; t < Length; t += step)
            {
                float[] part = [.. Enumerable.Range(0, 2).SelectMany(b => x.Skip((b * Length + t) * Channels).Take(step * Channels))];
                RaggedRows rows = new(
                    bench.Int(new Shape(3), [0, step, 2 * step]),
                    bench.Int(new Shape(2), [t, t]),
                    bench.Int(new Shape(2), [1, 2])
                );
                Tensor y = Ops.CausalConv(bench.Float(new Shape(1, 2 * step, Channels), part), w, rows, history);
                double[] wanted =
                [
                    .. Enumerable.Range(0, 2).SelectMany(b => expected.Skip((b * Length + t) * Channels).Take(step * Channels)),
                ];
                Near.Check(y.Span, wanted, 2e-6, $"tokens from {t} on");
            }
        }
    }

    [Fact]
    public void Columns_AreTakenInOrderAndTheirGradientsGoBack()
    {
        ColumnRuns runs = new(ColumnRuns.OfHeads(3, 21, 17, 3).Concat(ColumnRuns.OfHeads(3, 21, 0, 17)));
        int[] from =
        [
            .. Enumerable.Range(0, 3).SelectMany(h => Enumerable.Range(h * 21 + 17, 3)),
            .. Enumerable.Range(0, 3).SelectMany(h => Enumerable.Range(h * 21, 17)),
        ];
        runs.Width.ShouldBe(from.Length);
        new OpCheck(
            (_, x) => Ops.Columns(x[0], runs),
            x => [.. Enumerable.Range(0, 2 * 40).SelectMany(row => from.Select(c => x[0][row * 64 + c]))],
            OpInput.Random(new Shape(2, 40, 64), 5)
        ).Run(devices);
        using OpBench bench = new(devices.Default);
        Should.Throw<ArgumentException>(() => Ops.Columns(bench.Empty(new Shape(2, 61)), runs)).Message.ShouldContain("62");
    }
}
