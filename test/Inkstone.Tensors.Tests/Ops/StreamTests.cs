namespace Inkstone.Tensors.Tests;

/// <summary>Residual streams: reading, writing, mixing, and weights from the streams by way of Sinkhorn's iterations.</summary>
public sealed class StreamTests(Devices devices) : IClassFixture<Devices>
{
    [Theory]
    [InlineData(4, 9, 37, 20)]
    [InlineData(2, 33, 5, 1)]
    [InlineData(3, 17, 16, 3)]
    [InlineData(1, 3, 21, 2)]
    public void WeightsWithAMatrix(int n, int rows, int dim, int iterations) => CheckWeights(n, rows, dim, iterations, (2 + n) * n);

    [Theory]
    [InlineData(4, 20, 11)]
    [InlineData(1, 1, 8)]
    public void WeightsOfReadingAlone(int n, int rows, int dim) => CheckWeights(n, rows, dim, 20, n);

    [Fact]
    public void TheMatrixIsDoublyStochastic()
    {
        Device device = devices.Levels.First();
        using OpBench bench = new(device);
        const int n = 4;
        OpInput x = OpInput.Random(new Shape(19, n * 8), 1),
            w = OpInput.Random(new Shape((2 + n) * n, n * 8), 2, -0.2f, 0.2f),
            b = OpInput.Random(new Shape((2 + n) * n), 3),
            s = OpInput.Random(new Shape(3), 4, 0.5f, 1.5f);
        using (device.Step(record: false))
        {
            float[] y = Ops.StreamWeights(
                    bench.Float(x.Shape, x.Values),
                    bench.Float(w.Shape, w.Values),
                    bench.Float(b.Shape, b.Values),
                    bench.Float(s.Shape, s.Values),
                    new StreamRule(n, 200)
                )
                .Span.ToArray();
            foreach (float[] row in y.Chunk((2 + n) * n))
            {
                for (int i = 0; i < n; i++)
                {
                    Enumerable.Range(0, n).Sum(j => row[2 * n + i * n + j]).ShouldBe(1, 1e-3);
                    Enumerable.Range(0, n).Sum(j => row[2 * n + j * n + i]).ShouldBe(1, 1e-5);
                }
            }
        }
    }

    [Theory]
    [InlineData(4, 5, 19, true)]
    [InlineData(3, 18, 32, false)]
    public void Update(int n, int rows, int dim, bool mixes)
    {
        int width = 2 * n + n * n + 1;
        new OpCheck(
            (_, x) => Ops.StreamUpdate(x[0], x[1], n, x[2], n, mixes ? 2 * n : null),
            x =>
                [
                    .. Enumerable
                        .Range(0, rows)
                        .SelectMany(row =>
                            Enumerable
                                .Range(0, n)
                                .SelectMany(k =>
                                    Enumerable
                                        .Range(0, dim)
                                        .Select(i =>
                                            x[2][row * width + n + k] * x[1][row * dim + i]
                                            + (
                                                mixes
                                                    ? Enumerable
                                                        .Range(0, n)
                                                        .Sum(j => x[2][row * width + 2 * n + j * n + k] * x[0][(row * n + j) * dim + i])
                                                    : x[0][(row * n + k) * dim + i]
                                            )
                                        )
                                )
                        ),
                ],
            OpInput.Random(new Shape(rows, n * dim), 1),
            OpInput.Random(new Shape(rows, dim), 2),
            OpInput.Random(new Shape(rows, width), 3)
        ).Run(devices);
    }

    [Fact]
    public void Sum() =>
        new OpCheck(
            (_, x) => Ops.StreamSum(x[0], 4, x[1], 1),
            x =>
                [
                    .. Enumerable
                        .Range(0, 7 * 21)
                        .Select(i => Enumerable.Range(0, 4).Sum(k => x[1][i / 21 * 6 + 1 + k] * x[0][(i / 21 * 4 + k) * 21 + i % 21])),
                ],
            OpInput.Random(new Shape(7, 84), 1),
            OpInput.Random(new Shape(7, 6), 2)
        ).Run(devices);

    [Fact]
    public void Mean() =>
        new OpCheck(
            (_, x) => Ops.StreamSum(x[0], 3),
            x => [.. Enumerable.Range(0, 7 * 21).Select(i => Enumerable.Range(0, 3).Sum(k => x[0][(i / 21 * 3 + k) * 21 + i % 21]) / 3)],
            OpInput.Random(new Shape(7, 63), 1)
        ).Run(devices);

    [Fact]
    public void Spread() =>
        new OpCheck(
            (_, x) => Ops.SpreadStreams(x[0], 4),
            x => [.. x[0].Chunk(19).SelectMany(row => Enumerable.Repeat(row, 4).SelectMany(r => r))],
            OpInput.Random(new Shape(2, 3, 19), 1)
        ).Run(devices);

    [Fact]
    public void WhatDoesNotFitIsRefused()
    {
        Device device = devices.Levels.First();
        using OpBench bench = new(device);
        Tensor x = bench.Float(new Shape(2, 12), new float[24]),
            w = bench.Float(new Shape(5, 12), new float[60]),
            b = bench.Float(new Shape(5), new float[5]),
            s = bench.Float(new Shape(3), new float[3]);
        using (device.Step(record: false))
        {
            Should.Throw<ArgumentException>(() => Ops.StreamWeights(x, w, b, s, new StreamRule(3)));
            Should.Throw<ArgumentException>(() => Ops.StreamSum(x, 5));
            Should.Throw<ArgumentException>(() => Ops.StreamUpdate(x, b, 3, x));
            Should.Throw<ArgumentException>(() => Ops.StreamSum(x, 3, s));
        }
    }

    private void CheckWeights(int n, int rows, int dim, int iterations, int width) =>
        new OpCheck(
            (_, x) => Ops.StreamWeights(x[0], x[1], x[2], x[3], new StreamRule(n, iterations, 1e-3f, 1e-2f)),
            x => Weights(x, n, dim, iterations, width),
            OpInput.Random(new Shape(rows, n * dim), 1),
            OpInput.Random(new Shape(width, n * dim), 2, -0.2f, 0.2f),
            OpInput.Random(new Shape(width), 3),
            OpInput.Random(new Shape(width == n ? 1 : 3), 4)
        ).Run(devices);

    private static double[] Weights(double[][] x, int n, int dim, int iterations, int width)
    {
        double eps = 1e-3f,
            normEps = 1e-2f;
        return
        [
            .. x[0]
                .Chunk(n * dim)
                .SelectMany(row =>
                {
                    double r = 1 / Math.Sqrt(row.Sum(v => v * v) / row.Length + normEps);
                    double[] l =
                    [
                        .. Enumerable
                            .Range(0, width)
                            .Select(c => x[3][Math.Min(2, c / n)] * r * row.Select((v, i) => v * x[1][c * n * dim + i]).Sum() + x[2][c]),
                    ];
                    double[] y = [.. l.Select((v, c) => c < n ? 1 / (1 + Math.Exp(-v)) + eps : 2 / (1 + Math.Exp(-v)))];
                    for (int j = 0; j < n && width > n; j++)
                    {
                        double sum = Enumerable.Range(0, n).Sum(k => Math.Exp(l[2 * n + j * n + k]));
                        for (int k = 0; k < n; k++)
                        {
                            y[2 * n + j * n + k] = Math.Exp(l[2 * n + j * n + k]) / sum + eps;
                        }
                    }
                    for (int pass = 0; pass < 2 * iterations - 1 && width > n; pass++)
                    {
                        for (int line = 0; line < n; line++)
                        {
                            int[] at = [.. Enumerable.Range(0, n).Select(i => 2 * n + (pass % 2 == 0 ? i * n + line : line * n + i))];
                            double sum = at.Sum(i => y[i]) + eps;
                            Array.ForEach(at, i => y[i] /= sum);
                        }
                    }
                    return y;
                }),
        ];
    }
}
