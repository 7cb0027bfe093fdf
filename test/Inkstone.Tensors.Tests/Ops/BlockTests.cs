namespace Inkstone.Tensors.Tests;

/// <summary>Attention to chosen blocks of tokens: means of blocks, the choice, and what an indexer of blocks loses.</summary>
[Collection(DeviceSuite.Name)]
public sealed class BlockTests(Devices devices)
{
    private const int Block = 3,
        Length = 17;

    [Theory]
    [InlineData(17, 5, 3, 0)]
    [InlineData(70, 20, 4, 6)]
    [InlineData(9, 33, 1, 0)]
    public void BlockMeans(int length, int width, int block, int documents)
    {
        int[]? starts = documents > 0 ? Documents.Starts(2, length, documents) : null;
        new OpCheck(
            (bench, x) => Ops.BlockMeans(x[0], block, starts is null ? null : bench.Int(new Shape(2, length), starts)),
            x => Means(x[0], length, width, block, starts),
            OpInput.Random(new Shape(2, length, width), length)
        ).Run(devices);
    }

    /// <summary>Two sequences in blocks of a cache that lie crosswise, one of which goes on, give the bits of each alone.</summary>
    [Fact]
    public void BlockMeans_OfACache()
    {
        const int Width = 6,
            From = 2,
            Past = 20,
            New = 9,
            Other = 13;
        float[] first = OpInput.Numbers((Past + New) * Width, 1),
            second = OpInput.Numbers(Other * Width, 2);
        using OpBench bench = new(devices.Default);
        using StepScope step = devices.Default.Step();
        Tensor store = bench.Float(
                new Shape(4 * RaggedRows.BlockTokens, From + Width + 1),
                OpInput.Numbers(4 * RaggedRows.BlockTokens * (From + Width + 1), 3)
            ),
            tables = bench.Int(new Shape(2, 2), [2, 0, 1, -1]);
        RaggedRows before = new(bench.Int(new Shape(2), [0, Past]), bench.Int(new Shape(1), [0]), bench.Int(new Shape(1), [0]));
        Ops.StoreRows(
            bench.Float(new Shape(1, Past, Width), first.AsSpan(0, Past * Width).ToArray()),
            store,
            before,
            bench.Int(new Shape(1, 2), [2, 0]),
            From
        );
        RaggedRows rows = new(
            bench.Int(new Shape(3), [0, New, New + Other]),
            bench.Int(new Shape(2), [Past, 0]),
            bench.Int(new Shape(2), [0, 1])
        );
        Ops.StoreRows(bench.Float(new Shape(1, New + Other, Width), [.. first[(Past * Width)..], .. second]), store, rows, tables, From);
        float[] means = Ops.BlockMeans(store, From, Width, Block, rows, tables).ToArray();
        float[] whole = Ops.BlockMeans(bench.Float(new Shape(1, Past + New, Width), first), Block).ToArray(),
            alone = Ops.BlockMeans(bench.Float(new Shape(1, Other, Width), second), Block).ToArray();
        means.ShouldBe([.. whole[(Past * Width)..], .. alone]);
    }

    [Fact]
    public void Rows_of_every_so_many_tokens_are_stored_alone()
    {
        using OpBench bench = new(devices.Default);
        using StepScope step = devices.Default.Step();
        Tensor store = bench.Float(new Shape(16, 1), [.. Enumerable.Range(0, 16).Select(i => -1f - i)]);
        RaggedRows rows = new(bench.Int(new Shape(2), [0, 6]), bench.Int(new Shape(1), [4]), bench.Int(new Shape(1), [0]));
        Ops.StoreRows(bench.Float(new Shape(1, 6, 1), [4, 5, 6, 7, 8, 9]), store, rows, bench.Int(new Shape(1, 1), [0]), every: 3);
        store.ToArray().ShouldBe([-1, -2, -3, -4, -5, 5, -7, -8, 8, -10, -11, -12, -13, -14, -15, -16]);
    }

    /// <summary>Against scores and an order in double precision; of blocks that score alike the earlier; the tail is always there. Through
    /// the tables of a cache the same tokens.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    public void The_best_blocks_are_chosen_and_the_tokens_behind_the_last(int most)
    {
        const int Heads = 2,
            Dim = 7;
        float[] q = OpInput.Numbers(Length * Heads * Dim, 1),
            k = OpInput.Numbers(Length * Dim, 3),
            ones = [.. Enumerable.Repeat(1f, Length * Heads)];
        k.AsSpan(5 * Dim, Dim).CopyTo(k.AsSpan(11 * Dim)); // blocks 1 and 3 score alike
        using OpBench bench = new(devices.Default);
        using StepScope step = devices.Default.Step();
        Tensor queries = bench.Float(new Shape(1, Length, Heads * Dim), q),
            weights = bench.Float(new Shape(1, Length, Heads), ones);
        Tensor chosen = Ops.SelectKeys(
            queries,
            weights,
            bench.Float(new Shape(Length, Dim), k),
            0,
            VisibleKeys.Causal(devices.Default, 1, Length, null),
            most,
            Block
        );
        float[] stored = new float[48 * Dim];
        int[] places = [.. Enumerable.Range(0, Length).Select(t => t < 16 ? 32 + t : t - 16)];
        for (int t = 0; t < Length; t++)
        {
            k.AsSpan(t * Dim, Dim).CopyTo(stored.AsSpan(places[t] * Dim));
        }
        RaggedRows rows = new(bench.Int(new Shape(2), [0, Length]), bench.Int(new Shape(1), [0]), bench.Int(new Shape(1), [0]));
        Tensor cached = Ops.SelectKeys(
            queries,
            weights,
            bench.Float(new Shape(48, Dim), stored),
            0,
            VisibleKeys.Create(rows, bench.Int(new Shape(1, 2), [2, 0])),
            most,
            Block
        );
        int width = chosen.Shape.Last;
        width.ShouldBe(Math.Min(Math.Min(most, Length / Block) * Block + Block - 1, Length));
        for (int t = 0; t < Length; t++)
        {
            int count = (t + 1) / Block;
            int[] expected =
            [
                .. Enumerable
                    .Range(0, count)
                    .OrderByDescending(b =>
                        Enumerable
                            .Range(0, Heads)
                            .Sum(j =>
                                Math.Max(
                                    0,
                                    Enumerable
                                        .Range(0, Dim)
                                        .Sum(i => (double)q[(t * Heads + j) * Dim + i] * k[(b * Block + Block - 1) * Dim + i])
                                )
                            )
                    )
                    .Take(most)
                    .Order()
                    .SelectMany(b => Enumerable.Range(b * Block, Block)),
                .. Enumerable.Range(count * Block, t + 1 - count * Block),
            ];
            chosen.Ints.Slice(t * width, expected.Length).ToArray().ShouldBe(expected, $"query {t}");
            chosen.Ints[(t * width + expected.Length)..((t + 1) * width)].ToArray().ShouldAllBe(key => key == -1);
            cached
                .Ints.Slice(t * width, expected.Length)
                .ToArray()
                .ShouldBe([.. expected.Select(token => places[token])], $"query {t} in a cache");
        }
    }

    [Fact]
    public void IndexerLoss()
    {
        const int Heads = 4,
            KeyValueHeads = 2,
            Dim = 8,
            IndexHeads = 3,
            IndexDim = 5,
            Most = 8;
        // Whole blocks in ascending order, then the tail, as SelectKeys gives them; the first rows have no whole block.
        int[] chosen =
        [
            .. Enumerable
                .Range(0, 2 * Length)
                .SelectMany(row =>
                {
                    int first = row - row % Length,
                        t = row % Length,
                        count = (t + 1) / Block;
                    int[] list =
                    [
                        .. Enumerable
                            .Range(0, count)
                            .Where(b => b % 2 == 0 || count < 3)
                            .Take(2)
                            .SelectMany(b => Enumerable.Range(first + b * Block, Block)),
                        .. Enumerable.Range(first + count * Block, t + 1 - count * Block),
                    ];
                    return list.Concat(Enumerable.Repeat(-1, Most - list.Length));
                }),
        ];
        float[] q = OpInput.Numbers(2 * Length * Heads * Dim, 1),
            k = OpInput.Numbers(2 * Length * KeyValueHeads * Dim, 2);
        new OpCheck(
            (bench, x) =>
                Ops.IndexerLoss(
                    bench.Float(new Shape(2, Length, Heads * Dim), q),
                    bench.Float(new Shape(2, Length, KeyValueHeads * Dim), k),
                    bench.Int(new Shape(2 * Length, Most), chosen),
                    Heads,
                    KeyValueHeads,
                    0.3f,
                    x[0],
                    x[1],
                    x[2],
                    block: Block
                ),
            x => [Divergence(OpInput.Doubles(q), OpInput.Doubles(k), x, chosen, Most, Heads, KeyValueHeads, Dim, IndexHeads, IndexDim)],
            OpInput.Random(new Shape(2, Length, IndexHeads * IndexDim), 3),
            OpInput.Random(new Shape(2, Length, IndexHeads), 4),
            OpInput.Random(new Shape(2, Length, IndexDim), 5)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 2e-5,
        }.Run(devices);
    }

    private static double[] Means(double[] x, int length, int width, int block, int[]? starts)
    {
        double[] y = new double[x.Length];
        for (int row = 0; row < x.Length / width; row++)
        {
            for (int c = 0; c < width && (row % length - (starts?[row] ?? 0) + 1) % block == 0; c++)
            {
                y[row * width + c] = Enumerable.Range(row - block + 1, block).Average(token => x[token * width + c]);
            }
        }
        return y;
    }

    private static double Divergence(
        double[] q,
        double[] k,
        double[][] x,
        int[] chosen,
        int most,
        int heads,
        int keyValueHeads,
        int dim,
        int indexHeads,
        int indexDim
    )
    {
        double total = 0;
        for (int row = 0; row < 2 * Length; row++)
        {
            int[] keys = [.. chosen.Skip(row * most).Take(most).Where(key => key >= 0)],
                last = [.. keys.Chunk(Block).Where(b => b.Length == Block).Select(b => b[^1])];
            double[] p = new double[keys.Length];
            for (int h = 0; h < heads; h++)
            {
                double[] e =
                [
                    .. keys.Select(key =>
                        Math.Exp(
                            0.3
                                * Enumerable
                                    .Range(0, dim)
                                    .Sum(i =>
                                        q[(row * heads + h) * dim + i] * k[(key * keyValueHeads + h / (heads / keyValueHeads)) * dim + i]
                                    )
                        )
                    ),
                ];
                p = [.. p.Select((value, i) => value + e[i] / e.Sum())];
            }
            double[] mass = [.. p.Chunk(Block).Where(b => b.Length == Block).Select(b => b.Sum())];
            double[] score =
            [
                .. last.Select(key =>
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
            double log = mass.Length == 0 ? 0 : Math.Log(score.Sum(Math.Exp));
            total += mass.Select((value, i) => value / mass.Sum() * (Math.Log(value / mass.Sum()) - score[i] + log)).Sum();
        }
        return total / (2 * Length);
    }
}
