namespace Inkstone.Tensors.Tests;

/// <summary>DeepSeek-V4's attention: groups of tokens that become entries, one key that is its own value, a projection in blocks.</summary>
[Collection(DeviceSuite.Name)]
public sealed class CompressedAttentionTests(Devices devices)
{
    private const int Batch = 2,
        Length = 41;

    /// <summary>Two documents in the first row, one in the second.</summary>
    private static readonly int[] Positions =
    [
        .. Enumerable.Range(0, 15),
        .. Enumerable.Range(0, Length - 15),
        .. Enumerable.Range(0, Length),
    ];

    private static readonly int[] Starts =
    [
        .. Enumerable.Repeat(0, 15),
        .. Enumerable.Repeat(15, Length - 15),
        .. Enumerable.Repeat(0, Length),
    ];

    [Theory]
    [InlineData(4, 2, 16)]
    [InlineData(3, 2, 21)]
    [InlineData(7, 1, 33)]
    [InlineData(41, 1, 5)]
    [InlineData(50, 2, 5)]
    public void Groups(int rate, int halves, int width)
    {
        Shape tokens = new(Batch, Length, halves * width);
        new OpCheck(
            (bench, x) =>
                Ops.CompressGroups(x[0], x[1], x[2], TokenGroups.Create(bench.Int(new Shape(Batch, Length), Positions), rate), width),
            x => Entries(x, rate, halves, width),
            OpInput.Random(tokens, 1),
            OpInput.Random(tokens, 2),
            OpInput.Random(new Shape(rate, halves * width), 3)
        ).Run(devices);
    }

    /// <summary>Token by token and in parts, with what is kept of earlier tokens in a ring.</summary>
    [Theory]
    [InlineData(4, 2)]
    [InlineData(6, 1)]
    public void Groups_of_a_text_that_comes_in_parts(int rate, int halves)
    {
        const int Width = 18;
        Device device = devices.Default;
        using OpBench bench = new(device);
        int channels = halves * Width;
        float[] kv = OpInput.Numbers(Length * channels, 1),
            gate = OpInput.Numbers(Length * channels, 2),
            ape = OpInput.Numbers(rate * channels, 3);
        double[] expected = Entries(
            [OpInput.Doubles(kv), OpInput.Doubles(gate), OpInput.Doubles(ape)],
            rate,
            halves,
            Width,
            [.. Enumerable.Range(0, Length)]
        );
        Tensor ring = bench.Float(new Shape(2, rate * halves, 2 * channels), new float[2 * rate * halves * 2 * channels]),
            places = bench.Float(new Shape(rate, channels), ape);
        int done = 0,
            entry = 0,
            block = 16 / (int)Gcd(16, rate);
        foreach (int part in (int[])[1, 5, 1, 13, 2, 3, 16])
        {
            using (device.Step())
            {
                RaggedRows rows = new(bench.Int(new Shape(2), [0, part]), bench.Int(new Shape(1), [done]), bench.Int(new Shape(1), [1]));
                Tensor tables = bench.Int(new Shape(1, 40), [.. Enumerable.Range(0, 40).Select(i => 39 - i)]);
                TokenGroups groups = TokenGroups.Create(rows, tables, block, rate);
                Tensor k = bench.Float(new Shape(1, part, channels), kv.AsSpan(done * channels, part * channels).ToArray()),
                    g = bench.Float(new Shape(1, part, channels), gate.AsSpan(done * channels, part * channels).ToArray());
                float[] made = Ops.CompressGroups(k, g, places, groups, Width, ring).ToArray();
                for (int e = 0; e < groups.Closing.Count && groups.Closing.Ints[e] >= 0; e++, entry++)
                {
                    Near.Check(
                        made.AsSpan(e * Width, Width).ToArray(),
                        expected.AsSpan(entry * Width, Width).ToArray(),
                        2e-6,
                        $"entry {entry}"
                    );
                    groups.Targets!.Ints[e].ShouldBe((39 - entry / block) * block + entry % block);
                }
                Ops.KeepInRing(k, g, ring, rows);
            }
            done += part;
        }
        entry.ShouldBe(Length / rate);
    }

    [Theory]
    [InlineData(1, 16, 5, false)]
    [InlineData(4, 32, 9, true)]
    [InlineData(6, 21, 20, true)]
    [InlineData(3, 84, 7, true)]
    public void Attention(int heads, int dim, int window, bool far)
    {
        const int Rate = 4;
        OpInput[] inputs =
        [
            OpInput.Random(new Shape(Batch, Length, heads * dim), 1),
            OpInput.Random(new Shape(Batch, Length, dim), 2),
            OpInput.Random(new Shape(heads), 3),
            .. far ? new[] { OpInput.Random(new Shape(Batch, Length / Rate, dim), 4) } : [],
        ];
        new OpCheck(
            (bench, x) =>
            {
                Tensor near = VisibleKeys.Causal(bench.Device, Batch, Length, bench.Int(new Shape(Batch, Length), Starts)).Last(window);
                Tensor entries = TokenGroups.Create(bench.Int(new Shape(Batch, Length), Positions), Rate).Visible.Last(6);
                return Ops.SharedKeyAttention(x[0], x[1], near, far ? x[3] : null, far ? entries : null, heads, 0.3f, x[2], out _);
            },
            x => Attended(x, heads, dim, window, Rate, 6),
            inputs
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 2e-5,
        }.Run(devices);
    }

    [Theory]
    [InlineData(2, 12, 9)]
    [InlineData(5, 7, 17)]
    public void ProjectionInBlocks(int groups, int inputs, int outputs) =>
        new OpCheck(
            (_, x) => Ops.BlockLinear(x[0], x[1], groups),
            x =>
                [
                    .. Enumerable
                        .Range(0, 6)
                        .SelectMany(row =>
                            Enumerable
                                .Range(0, groups * outputs)
                                .Select(o =>
                                    Enumerable
                                        .Range(0, inputs)
                                        .Sum(i => x[0][row * groups * inputs + o / outputs * inputs + i] * x[1][o * inputs + i])
                                )
                        ),
                ],
            OpInput.Random(new Shape(2, 3, groups * inputs), 1),
            OpInput.Random(new Shape(groups * outputs, inputs), 2)
        ).Run(devices);

    [Fact]
    public void RootOfSoftplus() =>
        new OpCheck(
            (_, x) => Ops.RouterScores(x[0], x[1], RouterScoring.SqrtSoftplus),
            x =>
                [
                    .. Enumerable
                        .Range(0, 6 * 5)
                        .Select(i =>
                            Math.Sqrt(Math.Log(1 + Math.Exp(Enumerable.Range(0, 9).Sum(k => x[0][i / 5 * 9 + k] * x[1][i % 5 * 9 + k]))))
                        ),
                ],
            OpInput.Random(new Shape(2, 3, 9), 1),
            OpInput.Random(new Shape(5, 9), 2)
        ).Run(devices);

    [Fact]
    public void ExpertsByToken()
    {
        int[] table = [2, 0, 1, 1, 4, 3, 0, 4],
            ids = [3, 0, 1, 2, 2, 0];
        new OpCheck(
            (bench, x) =>
                Ops.RouteByToken(
                    x[0],
                    bench.Int(new Shape(4, 2), table),
                    bench.Int(new Shape(2, 3), ids),
                    new RoutingRule(2, Scale: 1.5f)
                ).Weights,
            x =>
                [
                    .. ids.SelectMany(
                        (id, n) =>
                            Enumerable
                                .Range(0, 2)
                                .Select(j =>
                                    1.5 * x[0][n * 5 + table[id * 2 + j]] / Enumerable.Range(0, 2).Sum(i => x[0][n * 5 + table[id * 2 + i]])
                                )
                    ),
                ],
            OpInput.Random(new Shape(6, 5), 1, 0.5f, 2)
        ).Run(devices);
    }

    /// <summary>What an indexer loses where the attention sees more than its choice.</summary>
    [Fact]
    public void IndexerLossBesideAWindow()
    {
        const int Heads = 3,
            Dim = 8,
            IndexHeads = 2,
            IndexDim = 5,
            Rate = 4,
            Most = 4;
        float[] q = OpInput.Numbers(Batch * Length * Heads * Dim, 1),
            near = OpInput.Numbers(Batch * Length * Dim, 2),
            far = OpInput.Numbers(Batch * 10 * Dim, 6),
            sinks = OpInput.Numbers(Heads, 7);
        new OpCheck(
            (bench, x) =>
            {
                Tensor window = VisibleKeys.Causal(bench.Device, Batch, Length, bench.Int(new Shape(Batch, Length), Starts)).Last(6),
                    entries = TokenGroups.Create(bench.Int(new Shape(Batch, Length), Positions), Rate).Visible.Last(Most);
                Tensor queries = bench.Float(new Shape(Batch, Length, Heads * Dim), q),
                    keys = bench.Float(new Shape(Batch, 10, Dim), far);
                _ = Ops.SharedKeyAttention(
                    queries,
                    bench.Float(new Shape(Batch, Length, Dim), near),
                    window,
                    keys,
                    entries,
                    Heads,
                    0.3f,
                    bench.Float(new Shape(Heads), sinks),
                    out Tensor logSum
                );
                return Ops.IndexerLoss(queries, keys, entries, Heads, 1, 0.3f, x[0], x[1], x[2], logSum);
            },
            x =>
            {
                double total = 0;
                for (int row = 0; row < Batch * Length; row++)
                {
                    (int[] nears, int[] fars) = Seen(row, 6, Rate, Most);
                    double[] p = new double[fars.Length];
                    for (int h = 0; h < Heads; h++)
                    {
                        double[] scores =
                        [
                            .. nears.Select(key => Dot(q, (row * Heads + h) * Dim, near, key * Dim, Dim)),
                            .. fars.Select(key => Dot(q, (row * Heads + h) * Dim, far, key * Dim, Dim)),
                        ];
                        double sum = scores.Sum(s => Math.Exp(0.3 * s)) + Math.Exp(sinks[h]);
                        p = [.. p.Select((value, i) => value + Math.Exp(0.3 * scores[nears.Length + i]) / sum)];
                    }
                    double mass = p.Sum();
                    double[] score =
                    [
                        .. fars.Select(key =>
                            Enumerable
                                .Range(0, IndexHeads)
                                .Sum(j =>
                                    x[1][row * IndexHeads + j]
                                    / Math.Sqrt(IndexHeads)
                                    * Math.Max(
                                        0,
                                        Enumerable
                                            .Range(0, IndexDim)
                                            .Sum(i => x[0][(row * IndexHeads + j) * IndexDim + i] * x[2][key * IndexDim + i])
                                            / Math.Sqrt(IndexDim)
                                    )
                                )
                        ),
                    ];
                    double log = fars.Length == 0 ? 0 : Math.Log(score.Sum(Math.Exp));
                    total += p.Select((value, i) => value / mass * (Math.Log(value / mass) - score[i] + log)).Sum();
                }
                return [total / (Batch * Length)];
            },
            OpInput.Random(new Shape(Batch, Length, IndexHeads * IndexDim), 3),
            OpInput.Random(new Shape(Batch, Length, IndexHeads), 4),
            OpInput.Random(new Shape(Batch, 10, IndexDim), 5)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 2e-5,
        }.Run(devices);
    }

    private static double Dot(float[] a, int i, float[] b, int j, int n) => Enumerable.Range(0, n).Sum(d => (double)a[i + d] * b[j + d]);

    private static long Gcd(long a, long b) => b == 0 ? a : Gcd(b, a % b);

    /// <summary>Tokens of a window and the last complete groups that a token sees, as rows.</summary>
    private static (int[] Near, int[] Far) Seen(int row, int window, int rate, int most)
    {
        (int batch, int t) = Math.DivRem(row, Length);
        int place = Positions[row],
            count = Math.Min(window, place + 1),
            first = 0;
        for (int i = batch * Length; i <= row - place - 1; i++)
        {
            first += (Positions[i] + 1) % rate == 0 ? 1 : 0;
        }
        int entries = (place + 1) / rate,
            taken = Math.Min(most, entries);
        return (
            [.. Enumerable.Range(row - count + 1, count)],
            [.. Enumerable.Range(batch * (Length / rate) + first + entries - taken, taken)]
        );
    }

    private static double[] Attended(double[][] x, int heads, int dim, int window, int rate, int most)
    {
        double[] y = new double[Batch * Length * heads * dim];
        for (int row = 0; row < Batch * Length; row++)
        {
            (int[] near, int[] far) = Seen(row, window, rate, most);
            double[][] keys =
            [
                .. near.Select(key => x[1][(key * dim)..((key + 1) * dim)]),
                .. (x.Length > 3 ? far : []).Select(key => x[3][(key * dim)..((key + 1) * dim)]),
            ];
            for (int h = 0; h < heads; h++)
            {
                int at = (row * heads + h) * dim;
                double[] e = [.. keys.Select(key => Math.Exp(0.3 * key.Select((k, d) => k * x[0][at + d]).Sum()))];
                double sum = e.Sum() + Math.Exp(x[2][h]);
                for (int d = 0; d < dim; d++)
                {
                    y[at + d] = keys.Select((key, i) => e[i] / sum * key[d]).Sum();
                }
            }
        }
        return y;
    }

    private static double[] Entries(double[][] x, int rate, int halves, int width, int[]? positions = null)
    {
        positions ??= Positions;
        int channels = halves * width,
            batch = positions.Length / Length;
        List<double[]>[] made = [.. Enumerable.Range(0, batch).Select(_ => new List<double[]>())];
        for (int t = 0; t < positions.Length; t++)
        {
            if ((positions[t] + 1) % rate != 0)
            {
                continue;
            }
            int group = positions[t] / rate;
            (int Token, int Column)[] parts =
            [
                .. Enumerable.Range(0, rate).Where(_ => halves == 2 && group > 0).Select(i => (t - 2 * rate + 1 + i, 0)),
                .. Enumerable.Range(0, rate).Select(i => (t - rate + 1 + i, channels - width)),
            ];
            made[t / Length]
                .Add([
                    .. Enumerable
                        .Range(0, width)
                        .Select(c =>
                        {
                            double[] e =
                            [
                                .. parts.Select(p =>
                                    Math.Exp(
                                        x[1][p.Token * channels + p.Column + c] + x[2][positions[p.Token] % rate * channels + p.Column + c]
                                    )
                                ),
                            ];
                            return parts.Select((p, i) => e[i] / e.Sum() * x[0][p.Token * channels + p.Column + c]).Sum();
                        }),
                ]);
        }
        int most = Math.Max(1, made.Max(m => m.Count));
        return [.. made.SelectMany(m => m.SelectMany(e => e).Concat(new double[(most - m.Count) * width]))];
    }
}
