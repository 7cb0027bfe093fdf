namespace Inkstone.Tensors.Tests;

/// <summary>Attention to chosen keys, the choice, and what an indexer loses to the attention.</summary>
[Collection(DeviceSuite.Name)]
public sealed class SelectedAttentionTests(Devices devices)
{
    private const int Batch = 2,
        Length = 13,
        Most = 5;

    /// <summary>Some keys of each query's own row and past, in ascending order.</summary>
    private static readonly int[] Chosen =
    [
        .. Enumerable
            .Range(0, Batch * Length)
            .SelectMany(row => Enumerable.Range(0, Most).Select(i => i * 3 <= row % Length ? row - row % Length + i * 3 : -1)),
    ];

    [Theory]
    [InlineData(2, 2, 20, 17, false)]
    [InlineData(4, 2, 16, 5, true)]
    [InlineData(3, 1, 33, 33, true)]
    public void Attention(int heads, int keyValueHeads, int dim, int valueDim, bool sinks)
    {
        OpInput[] inputs =
        [
            OpInput.Random(new Shape(Batch, Length, heads * dim), 1),
            OpInput.Random(new Shape(Batch, Length, keyValueHeads * dim), 2),
            OpInput.Random(new Shape(Batch, Length, keyValueHeads * valueDim), 3),
            .. sinks ? new[] { OpInput.Random(new Shape(heads), 4) } : [],
        ];
        new OpCheck(
            (bench, x) =>
                Ops.SelectedAttention(
                    x[0],
                    x[1],
                    x[2],
                    bench.Int(new Shape(Batch * Length, Most), Chosen),
                    heads,
                    keyValueHeads,
                    valueDim,
                    0.3f,
                    sinks ? x[3] : null
                ),
            x => Twin(x, heads, keyValueHeads, dim, valueDim),
            inputs
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
        }.Run(devices);
    }

    /// <summary>Against scores and an order in double precision; scores that are exactly alike go to the earlier key.</summary>
    [Fact]
    public void The_best_keys_are_chosen_and_of_equals_the_earlier()
    {
        const int Heads = 3,
            Dim = 12;
        float[] q = OpInput.Numbers(Length * Heads * Dim, 1),
            w = OpInput.Numbers(Length * Heads, 2),
            k = OpInput.Numbers(Length * Dim, 3);
        k.AsSpan(2 * Dim, Dim).CopyTo(k.AsSpan(7 * Dim));
        k.AsSpan(2 * Dim, Dim).CopyTo(k.AsSpan(9 * Dim));
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor chosen = Ops.SelectKeys(
                bench.Float(new Shape(1, Length, Heads * Dim), q),
                bench.Float(new Shape(1, Length, Heads), w),
                bench.Float(new Shape(Length, Dim), k),
                0,
                VisibleKeys.Causal(devices.Default, 1, Length, null),
                Most
            );
            for (int t = 0; t < Length; t++)
            {
                int[] expected =
                [
                    .. Enumerable
                        .Range(0, t + 1)
                        .OrderByDescending(s =>
                            Enumerable
                                .Range(0, Heads)
                                .Sum(j =>
                                    w[t * Heads + j]
                                    * Math.Max(0, Enumerable.Range(0, Dim).Sum(i => (double)q[(t * Heads + j) * Dim + i] * k[s * Dim + i]))
                                )
                        )
                        .Take(Most)
                        .Order(),
                ];
                chosen.Ints.Slice(t * Most, expected.Length).ToArray().ShouldBe(expected, $"query {t}");
                chosen.Ints[(t * Most + expected.Length)..((t + 1) * Most)].ToArray().ShouldAllBe(key => key == -1);
            }
        }
    }

    [Fact]
    public void IndexerLoss()
    {
        const int Heads = 2,
            Dim = 8,
            IndexHeads = 3,
            IndexDim = 5;
        float[] q = OpInput.Numbers(Batch * Length * Heads * Dim, 1),
            k = OpInput.Numbers(Batch * Length * Heads * Dim, 2);
        new OpCheck(
            (bench, x) =>
                Ops.IndexerLoss(
                    bench.Float(new Shape(Batch, Length, Heads * Dim), q),
                    bench.Float(new Shape(Batch, Length, Heads * Dim), k),
                    bench.Int(new Shape(Batch * Length, Most), Chosen),
                    Heads,
                    Heads,
                    0.3f,
                    x[0],
                    x[1],
                    x[2]
                ),
            x => [Divergence(OpInput.Doubles(q), OpInput.Doubles(k), x, Heads, Dim, IndexHeads, IndexDim)],
            OpInput.Random(new Shape(Batch, Length, IndexHeads * IndexDim), 3),
            OpInput.Random(new Shape(Batch, Length, IndexHeads), 4),
            OpInput.Random(new Shape(Batch, Length, IndexDim), 5)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 2e-5,
        }.Run(devices);
    }

    [Fact]
    public void LayerNorm() =>
        new OpCheck(
            (_, x) => Ops.LayerNorm(x[0], x[1], x[2], 1e-5f),
            x =>
                [
                    .. Enumerable
                        .Range(0, 6)
                        .SelectMany(row =>
                        {
                            double[] part = x[0][(row * 19)..((row + 1) * 19)];
                            double mean = part.Average(),
                                deviation = Math.Sqrt(part.Average(v => (v - mean) * (v - mean)) + 1e-5);
                            return part.Select((v, i) => (v - mean) / deviation * x[1][i] + x[2][i]);
                        }),
                ],
            OpInput.Random(new Shape(2, 3, 19), 1),
            OpInput.Random(new Shape(19), 2),
            OpInput.Random(new Shape(19), 3)
        ).Run(devices);

    private static double[] Twin(double[][] x, int heads, int keyValueHeads, int dim, int valueDim)
    {
        List<double> y = [];
        for (int row = 0; row < Batch * Length; row++)
        {
            for (int h = 0; h < heads; h++)
            {
                int kv = h / (heads / keyValueHeads);
                int[] keys = [.. Chosen.Skip(row * Most).Take(Most).Where(key => key >= 0)];
                double[] e =
                [
                    .. keys.Select(key =>
                        Math.Exp(
                            0.3
                                * Enumerable
                                    .Range(0, dim)
                                    .Sum(i => x[0][(row * heads + h) * dim + i] * x[1][(key * keyValueHeads + kv) * dim + i])
                        )
                    ),
                ];
                double sum = e.Sum() + (x.Length > 3 ? Math.Exp(x[3][h]) : 0);
                y.AddRange(
                    Enumerable
                        .Range(0, valueDim)
                        .Select(i => keys.Select((key, n) => e[n] / sum * x[2][(key * keyValueHeads + kv) * valueDim + i]).Sum())
                );
            }
        }
        return [.. y];
    }

    private static double Divergence(double[] q, double[] k, double[][] x, int heads, int dim, int indexHeads, int indexDim)
    {
        double total = 0;
        for (int row = 0; row < Batch * Length; row++)
        {
            int[] keys = [.. Chosen.Skip(row * Most).Take(Most).Where(key => key >= 0)];
            double[] p = new double[keys.Length];
            for (int h = 0; h < heads; h++)
            {
                double[] e =
                [
                    .. keys.Select(key =>
                        Math.Exp(0.3 * Enumerable.Range(0, dim).Sum(i => q[(row * heads + h) * dim + i] * k[(key * heads + h) * dim + i]))
                    ),
                ];
                p = [.. p.Select((value, i) => value + e[i] / e.Sum() / heads)];
            }
            double[] score =
            [
                .. keys.Select(key =>
                    Enumerable
                        .Range(0, indexHeads)
                        .Sum(j =>
                            x[1][row * indexHeads + j]
                            / Math.Sqrt(indexHeads)
                            * Math.Max(
                                0,
                                Enumerable
                                    .Range(0, indexDim)
                                    .Sum(i => x[0][(row * indexHeads + j) * indexDim + i] * x[2][key * indexDim + i]) / Math.Sqrt(indexDim)
                            )
                        )
                ),
            ];
            double log = Math.Log(score.Sum(Math.Exp));
            total += p.Select((value, i) => value * (Math.Log(value) - score[i] + log)).Sum();
        }
        return total / (Batch * Length);
    }
}
