namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class ChannelDeltaRuleTests(Devices devices)
{
    /// <summary>Lengths around a chunk, dimensions around vectors, documents that begin anywhere.</summary>
    [Theory]
    [InlineData(2, 1, 1, 1, 1, 0)]
    [InlineData(2, 5, 3, 3, 5, 0)]
    [InlineData(1, 31, 2, 16, 16, 0)]
    [InlineData(1, 33, 1, 20, 33, 0)]
    [InlineData(2, 70, 2, 12, 17, 6)]
    [InlineData(1, 64, 1, 33, 8, 64)]
    public void Recurrence(int batch, int length, int heads, int dim, int width, int documents)
    {
        int[]? starts = documents > 0 ? Documents.Starts(batch, length, documents) : null;
        new OpCheck(
            (bench, x) =>
                Ops.ChannelDeltaRule(x[0], x[1], x[2], x[3], x[4], starts is null ? null : bench.Int(new Shape(batch, length), starts)),
            x => Reference.ChannelDeltaRule(x, length, heads, dim, width, starts),
            Inputs(batch, length, heads, dim, width)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    /// <summary>A text in parts gives the bits of the whole.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(21)]
    public void GoesOnFromItsState(int step)
    {
        const int Length = 42,
            Heads = 2,
            Dim = 20,
            Width = 24;
        OpInput[] inputs = Inputs(2, Length, Heads, Dim, Width);
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor[] x = [.. inputs.Select(i => bench.Float(i.Shape, i.Values))];
            float[] whole = Ops.ChannelDeltaRule(x[0], x[1], x[2], x[3], x[4]).Span.ToArray();
            Tensor state = bench.Float(new Shape(3, Heads, Dim, Width), new float[3 * Heads * Dim * Width]);
            for (int t = 0; t < Length; t += step)
            {
                RaggedRows rows = new(
                    bench.Int(new Shape(3), [0, step, 2 * step]),
                    bench.Int(new Shape(2), [t, t]),
                    bench.Int(new Shape(2), [2, 0])
                );
                Tensor[] part =
                [
                    .. inputs.Select(i =>
                        bench.Float(
                            new Shape(1, 2 * step, i.Shape.Last),
                            [
                                .. Enumerable
                                    .Range(0, 2)
                                    .SelectMany(b => i.Values.Skip((b * Length + t) * i.Shape.Last).Take(step * i.Shape.Last)),
                            ]
                        )
                    ),
                ];
                float[] o = Ops.ChannelDeltaRule(part[0], part[1], part[2], part[3], part[4], rows, state).Span.ToArray();
                o.ShouldBe(
                    [.. Enumerable.Range(0, 2).SelectMany(b => whole.Skip((b * Length + t) * Heads * Width).Take(step * Heads * Width))],
                    $"tokens from {t} on"
                );
            }
        }
    }

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        Tensor q = bench.Empty(new Shape(1, 4, 12)),
            v = bench.Empty(new Shape(1, 4, 10)),
            beta = bench.Empty(new Shape(1, 4, 2));
        using (devices.Default.Step())
        {
            Ops.ChannelDeltaRule(q, q, v, q, beta).Shape.ShouldBe(v.Shape);
            Should.Throw<ArgumentException>(() => Ops.ChannelDeltaRule(q, v, v, q, beta)).Message.ShouldContain("does not fit");
            Should.Throw<ArgumentException>(() => Ops.ChannelDeltaRule(q, q, v, v, beta));
        }
    }

    private static OpInput[] Inputs(int batch, int length, int heads, int dim, int width) =>
        [
            OpInput.Random(new Shape(batch, length, heads * dim), 1),
            OpInput.Random(new Shape(batch, length, heads * dim), 2),
            OpInput.Random(new Shape(batch, length, heads * width), 3),
            OpInput.Random(new Shape(batch, length, heads * dim), 4, -0.6f, 0),
            OpInput.Random(new Shape(batch, length, heads), 5, 0.05f, 0.95f),
        ];
}
