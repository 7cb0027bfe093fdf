namespace Inkstone.Tensors.Tests;

/// <summary>Attention to blocks of a cache against a double-precision reference, and bit for bit against itself in other batches and
/// parts.</summary>
[Collection(DeviceSuite.Name)]
public sealed class PagedAttentionTests(Devices devices)
{
    private const float Scale = 0.3f;
    private const int Block = RaggedRows.BlockTokens;

    [Theory]
    [InlineData(2, 1, 4, 4, 1000, 0f, false)]
    [InlineData(3, 3, 16, 16, 1000, 0f, false)]
    [InlineData(6, 2, 20, 12, 1000, 0f, false)]
    [InlineData(9, 3, 64, 64, 1000, 0f, false)]
    [InlineData(4, 2, 16, 80, 7, 0f, false)]
    [InlineData(40, 2, 9, 70, 17, 0.2f, true)]
    [InlineData(4, 4, 33, 65, 16, 0f, true)]
    public void EachSequence_IsAttendedToAsItWouldBeAlone(
        int heads,
        int keyValueHeads,
        int headDim,
        int valueDim,
        int window,
        float softCap,
        bool sink
    )
    {
        (int Past, int New)[] lengths = [(0, 37), (63, 1), (15, 2), (0, 1), (100, 21), (16, 16), (5, 1)];
        float[] sinks = OpInput.Numbers(heads, 9, -1, 2);
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            Cache cache = new(lengths, heads, keyValueHeads, headDim, valueDim);
            float[] together = Run(device, cache, lengths, [.. Enumerable.Range(0, lengths.Length)]);
            for (int i = 0, row = 0; i < lengths.Length; row += lengths[i].New, i++)
            {
                (int past, int count) = lengths[i];
                AttentionProblem n = new(1, count, past + count, heads, keyValueHeads, headDim, valueDim);
                double[] expected = Reference.Attention(
                    OpInput.Doubles(cache.Queries(i, past, count)),
                    OpInput.Doubles(cache.Keys[i]),
                    OpInput.Doubles(cache.Values[i]),
                    n,
                    Scale,
                    null,
                    window,
                    softCap,
                    sink ? OpInput.Doubles(sinks) : null
                );
                float[] mine = together[(row * heads * valueDim)..((row + count) * heads * valueDim)];
                Near.Check(mine, expected, 2e-6, $"{device.Isa}, sequence {i}");
                Run(device, cache, lengths, [i]).ShouldBe(mine, $"{device.Isa}: sequence {i} alone");
                if (count > 3)
                {
                    // The first part of the same tokens gives the same bits: how a prompt is cut changes nothing.
                    (int, int)[] parts = [.. lengths.Select(l => (l.Past, Math.Max(1, l.New / 3)))];
                    Run(device, cache, parts, [i])
                        .ShouldBe(mine[..(count / 3 * heads * valueDim)], $"{device.Isa}: a part of sequence {i}");
                }
            }
        }

        float[] Run(Device device, Cache cache, (int Past, int New)[] of, int[] chosen)
        {
            using OpBench bench = new(device);
            using (device.Step())
            {
                (RaggedRows rows, Tensor tables) = cache.Rows(bench, of, chosen);
                Tensor keys = bench.Empty(new Shape(cache.Blocks, keyValueHeads * headDim, Block)),
                    values = bench.Empty(new Shape(cache.Blocks * Block, keyValueHeads * valueDim));
                keys.Span.Fill(float.NaN); // what nobody wrote must not be looked at
                values.Span.Fill(float.NaN);
                cache.Store(bench, keys, values);
                Tensor q = bench.Float(
                    new Shape(1, chosen.Sum(i => of[i].New), heads * headDim),
                    [.. chosen.SelectMany(i => cache.Queries(i, of[i].Past, of[i].New))]
                );
                return Ops.PagedAttention(
                        q,
                        keys,
                        values,
                        rows,
                        tables,
                        heads,
                        keyValueHeads,
                        Scale,
                        window,
                        softCap,
                        sink ? bench.Float(new Shape(heads), sinks) : null
                    )
                    .Span.ToArray();
            }
        }
    }

    [Theory]
    [InlineData(4, 20, 13)]
    [InlineData(20, 72, 64)]
    public void Latents_ServeAsKeysAndValues(int heads, int width, int valueDim)
    {
        (int Past, int New)[] lengths = [(0, 19), (70, 1), (31, 3)];
        Cache cache = new(lengths, heads, 1, width, width);
        foreach (Device device in devices.Levels)
        {
            using OpBench bench = new(device);
            using (device.Step())
            {
                (RaggedRows rows, Tensor tables) = cache.Rows(bench, lengths, [0, 1, 2]);
                Tensor latents = bench.Empty(new Shape(cache.Blocks * Block, width)),
                    unused = bench.Empty(new Shape(cache.Blocks, width, Block));
                latents.Span.Fill(float.NaN);
                cache.Store(bench, unused, latents);
                Tensor q = bench.Float(
                    new Shape(1, 23, heads * width),
                    [.. Enumerable.Range(0, 3).SelectMany(i => cache.Queries(i, lengths[i].Past, lengths[i].New))]
                );
                float[] o = Ops.PagedLatentAttention(q, latents, valueDim, rows, tables, heads, Scale).Span.ToArray();
                for (int i = 0, row = 0; i < lengths.Length; row += lengths[i].New, i++)
                {
                    (int past, int count) = lengths[i];
                    AttentionProblem n = new(1, count, past + count, heads, 1, width, width);
                    double[] whole = Reference.Attention(
                        OpInput.Doubles(cache.Queries(i, past, count)),
                        OpInput.Doubles(cache.Values[i]),
                        OpInput.Doubles(cache.Values[i]),
                        n,
                        Scale,
                        null
                    );
                    double[] expected = [.. whole.Chunk(width).SelectMany(head => head.Take(valueDim))];
                    Near.Check(o.AsSpan(row * heads * valueDim, count * heads * valueDim), expected, 2e-6, $"{device.Isa}, sequence {i}");
                }
            }
        }
    }

    [Fact]
    public void RowsComeBackAsTheyWereStored()
    {
        (int Past, int New)[] lengths = [(0, 19), (40, 5)];
        Cache cache = new(lengths, 1, 1, 6, 6);
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            (RaggedRows rows, Tensor tables) = cache.Rows(bench, lengths, [0, 1]);
            Tensor keys = bench.Empty(new Shape(cache.Blocks, 6, Block)),
                values = bench.Empty(new Shape(cache.Blocks * Block, 6));
            cache.Store(bench, keys, values);
            Ops.LoadRows(values, rows, tables, 2, 3)
                .Span.ToArray()
                .ShouldBe([.. cache.Values.SelectMany(v => v.Chunk(6).SelectMany(row => row[2..5]))]);
            Ops.GatherRows(values, bench.Int(new Shape(2), [3, 1]))
                .Span.ToArray()
                .ShouldBe([.. values.Span[18..24], .. values.Span[6..12]]);
            Should.Throw<ArgumentOutOfRangeException>(() => Ops.GatherRows(values, bench.Int(new Shape(1), [cache.Blocks * Block])));
        }
    }

    [Fact]
    public void WrongTables_AreRefused()
    {
        (int Past, int New)[] lengths = [(16, 17)];
        Cache cache = new(lengths, 1, 1, 4, 4);
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor keys = bench.Empty(new Shape(3, 4, Block)),
                values = bench.Empty(new Shape(3 * Block, 4)),
                q = bench.Empty(new Shape(1, 17, 4));
            RaggedRows rows = cache.Rows(bench, lengths, [0]).Rows;
            Should.Throw<ArgumentException>(() => Attend(bench.Int(new Shape(1, 3), [0, 3, 1]))).Message.ShouldContain("tokens 16 to 31");
            Should.Throw<ArgumentException>(() => Attend(bench.Int(new Shape(1, 2), [0, 1]))).Message.ShouldContain("tokens 32 to 47");
            Should.Throw<ArgumentException>(() => Ops.StoreRows(q, values, rows, bench.Int(new Shape(1, 3), [0, -1, 1])));
            Should
                .Throw<ArgumentException>(() =>
                    Ops.PagedAttention(bench.Empty(new Shape(1, 16, 4)), keys, values, rows, bench.Int(new Shape(1, 3), [0, 1, 2]), 1, 1, 1)
                )
                .Message.ShouldContain("16 tokens");

            void Attend(Tensor tables) => Ops.PagedAttention(q, keys, values, rows, tables, 1, 1, 1);
        }
    }

    /// <summary>Random queries, keys and values of several sequences, and blocks for them in no order.</summary>
    private sealed class Cache
    {
        private readonly int[][] _tables;
        private readonly float[][] _queries;
        private readonly int _queryWidth,
            _keyWidth,
            _valueWidth;

        public Cache((int Past, int New)[] lengths, int heads, int keyValueHeads, int headDim, int valueDim)
        {
            (_queryWidth, _keyWidth, _valueWidth) = (heads * headDim, keyValueHeads * headDim, keyValueHeads * valueDim);
            int next = 0;
            _tables = [.. lengths.Select(l => Enumerable.Range(0, (l.Past + l.New + Block - 1) / Block).Select(_ => next++).ToArray())];
            Blocks = next + 1;
            _tables = [.. _tables.Select(t => t.Select(b => (b * 7 + 3) % Blocks).ToArray())];
            if (_tables.SelectMany(t => t).Distinct().Count() != next)
            {
                _tables = [.. _tables.Select(t => t.Select(b => (b * 5 + 1) % Blocks).ToArray())];
            }
            _queries = [.. lengths.Select((l, i) => OpInput.Numbers((l.Past + l.New) * _queryWidth, 10 + i))];
            Keys = [.. lengths.Select((l, i) => OpInput.Numbers((l.Past + l.New) * _keyWidth, 30 + i))];
            Values = [.. lengths.Select((l, i) => OpInput.Numbers((l.Past + l.New) * _valueWidth, 50 + i))];
        }

        public int Blocks { get; }

        public float[][] Keys { get; }

        public float[][] Values { get; }

        public float[] Queries(int i, int past, int count) => _queries[i][(past * _queryWidth)..((past + count) * _queryWidth)];

        public (RaggedRows Rows, Tensor Tables) Rows(OpBench bench, (int Past, int New)[] lengths, int[] chosen)
        {
            int width = _tables.Max(t => t.Length);
            int[] starts = [0, .. chosen.Select((_, at) => chosen.Take(at + 1).Sum(i => lengths[i].New))];
            RaggedRows rows = new(
                bench.Int(new Shape(starts.Length), starts),
                bench.Int(new Shape(chosen.Length), [.. chosen.Select(i => lengths[i].Past)]),
                bench.Int(new Shape(chosen.Length), chosen)
            );
            return (
                rows,
                bench.Int(
                    new Shape(chosen.Length, width),
                    [.. chosen.SelectMany(i => _tables[i].Concat(Enumerable.Repeat(-1, width - _tables[i].Length)))]
                )
            );
        }

        /// <summary>All tokens of all sequences, in two parts each.</summary>
        public void Store(OpBench bench, Tensor keys, Tensor values)
        {
            int[] whole = [.. Keys.Select(k => k.Length / _keyWidth)];
            foreach (bool second in new[] { false, true })
            {
                (int Past, int New)[] part = [.. whole.Select(n => second ? (n - n / 2, n / 2) : (0, n - n / 2))];
                int[] chosen = [.. Enumerable.Range(0, part.Length).Where(i => part[i].New > 0)];
                (RaggedRows rows, Tensor tables) = Rows(bench, part, chosen);
                Ops.StoreKeys(Part(bench, Keys, _keyWidth, part, chosen), keys, rows, tables);
                Ops.StoreRows(Part(bench, Values, _valueWidth, part, chosen), values, rows, tables);
            }
        }

        private static Tensor Part(OpBench bench, float[][] numbers, int width, (int Past, int New)[] part, int[] chosen) =>
            bench.Float(
                new Shape(1, chosen.Sum(i => part[i].New), width),
                [.. chosen.SelectMany(i => numbers[i][(part[i].Past * width)..((part[i].Past + part[i].New) * width)])]
            );
    }
}
