namespace Inkstone.Tensors.Tests;

/// <summary>Ops of sparse layers: scores, choice, exchange of rows, grouped products, balance.</summary>
[Collection(DeviceSuite.Name)]
public sealed class ExpertTests(Devices devices)
{
    public static TheoryData<int, int, int> ScoreSizes =>
        new()
        {
            { 1, 1, 1 },
            { 3, 4, 16 },
            { 17, 8, 33 },
            { 70, 5, 64 },
        };

    [Theory]
    [MemberData(nameof(ScoreSizes))]
    public void Scores(int tokens, int experts, int width)
    {
        foreach (RouterScoring scoring in Enum.GetValues<RouterScoring>())
        {
            new OpCheck(
                (_, x) => Ops.RouterScores(x[0], x[1], scoring),
                x => Reference.RouterScores(x[0], x[1], width, scoring),
                OpInput.Random(new Shape(tokens, width), 1),
                OpInput.Random(new Shape(experts, width), 2, -0.4f, 0.4f)
            )
            {
                Tolerance = 3e-6,
                GradTolerance = 2e-5,
                GradScale = 1,
            }.Run(devices);
            new OpCheck(
                (_, x) => Ops.RouterScores(x[0], x[1], scoring, x[2]),
                x => Reference.RouterScores(x[0], x[1], width, scoring, x[2]),
                OpInput.Random(new Shape(tokens, width), 1),
                OpInput.Random(new Shape(experts, width), 2, -0.4f, 0.4f),
                OpInput.Random(new Shape(experts), 3)
            )
            {
                Tolerance = 3e-6,
                GradTolerance = 2e-5,
                GradScale = 1,
            }.Run(devices);
        }
    }

    [Fact]
    public void Scores_AreNotRoundedWhereProductsAre()
    {
        using Device device = new(1, matMulType: DType.BFloat16);
        using OpBench bench = new(device);
        OpInput x = OpInput.Random(new Shape(40, 65), 1),
            w = OpInput.Random(new Shape(9, 65), 2, -0.4f, 0.4f);
        using (device.Step())
        {
            Tensor s = Ops.RouterScores(bench.Float(x.Shape, x.Values), bench.Float(w.Shape, w.Values), RouterScoring.Sigmoid);
            Near.Check(
                s.Span,
                Reference.RouterScores(OpInput.Doubles(x.Values), OpInput.Doubles(w.Values), 65, RouterScoring.Sigmoid),
                1e-6,
                "scores"
            );
        }
    }

    public static TheoryData<int, int, RoutingRule> Rules =>
        new()
        {
            { 5, 1, new RoutingRule(1) },
            { 9, 4, new RoutingRule(2, Normalise: false) },
            { 33, 8, new RoutingRule(2, 4, 2, Scale: 2.5f) },
            { 80, 12, new RoutingRule(3, 4, 3, Normalise: false, Scale: 0.5f) },
            { 70, 6, new RoutingRule(4, 6, 5) }, // groups of one expert have no second best
            { 300, 7, new RoutingRule(7) },
            { 40, 12, new RoutingRule(3, 4, 2, Normalise: false, Scale: 2, GroupByBest: true) },
        };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Choice(int tokens, int experts, RoutingRule rule)
    {
        OpInput scores = OpInput.Random(new Shape(tokens, experts), tokens, 0.05f, 0.95f);
        foreach (float[]? bias in new[] { null, OpInput.Numbers(experts, 9, -0.3f, 0.3f) })
        {
            int[] chosen = Reference.ChooseExperts(
                OpInput.Doubles(scores.Values),
                bias is null ? null : OpInput.Doubles(bias),
                experts,
                rule
            );
            new OpCheck(
                (bench, x) =>
                {
                    ExpertRouting routing = Ops.RouteExperts(x[0], bias is null ? null : bench.Float(new Shape(experts), bias), rule);
                    routing.Experts.Ints.ToArray().ShouldBe(chosen);
                    CheckOrder(routing, experts);
                    return routing.Weights;
                },
                x => Reference.ExpertWeights(x[0], chosen, experts, rule),
                scores
            )
            {
                GradScale = 1,
            }.Run(devices);
        }
    }

    [Fact]
    public void Choice_OfEqualScoresIsTheFirstAndOfNoNumbersStaysInside()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Ops.RouteExperts(bench.Float(new Shape(1, 4), [1, 2, 2, 2]), null, new RoutingRule(2)).Experts.Ints.ToArray().ShouldBe([1, 2]);
            int[] experts = Ops.RouteExperts(
                    bench.Float(new Shape(1, 4), [float.NaN, float.NaN, float.NaN, float.NaN]),
                    null,
                    new RoutingRule(2, 2, 1)
                )
                .Experts.Ints.ToArray();
            experts.ShouldAllBe(e => e >= 0 && e < 4);
            Should
                .Throw<ArgumentException>(() => Ops.RouteExperts(bench.Empty(new Shape(1, 4)), null, new RoutingRule(3, 2, 1)))
                .Message.ShouldContain("3 of 4 experts");
        }
    }

    public static TheoryData<int, int, int[]> Groups =>
        new()
        {
            { 1, 1, [1] },
            { 5, 33, [3, 0, 7] }, // few rows are read in place
            { 31, 17, [20, 0, 61, 1, 17] },
            { 48, 64, [40, 130, 0, 33] },
        };

    [Theory]
    [MemberData(nameof(Groups))]
    public void GroupedLinear(int n, int k, int[] sizes)
    {
        int[] offsets = [0, .. sizes.Select((_, e) => sizes.Take(e + 1).Sum())];
        OpInput[] inputs =
        [
            OpInput.Random(new Shape(offsets[^1], k), 1),
            .. sizes.Select((_, e) => OpInput.Random(new Shape(n, k), 10 + e)),
        ];
        new OpCheck(
            (bench, x) => Ops.GroupedLinear(x[0], x[1..], bench.Int(new Shape(offsets.Length), offsets)),
            x => Reference.GroupedLinear(x[0], x[1..], k, offsets),
            inputs
        )
        {
            Tolerance = 4e-7 * Math.Sqrt(k + 1),
            GradTolerance = 6e-6,
        }.Run(devices);
    }

    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(5, new[] { 3, 0, 7 })]
    [InlineData(33, new[] { 20, 0, 61, 1, 17 })]
    public void StackedBias(int n, int[] sizes)
    {
        int[] offsets = [0, .. sizes.Select((_, e) => sizes.Take(e + 1).Sum())];
        new OpCheck(
            (bench, x) => Ops.StackedBias(x[0], x[1], bench.Int(new Shape(offsets.Length), offsets)),
            x => [.. x[0].Select((v, i) => v + x[1][Array.FindLastIndex(offsets, o => o <= i / n) * n + i % n])],
            OpInput.Random(new Shape(offsets[^1], n), 1),
            OpInput.Random(new Shape(sizes.Length, n), 10)
        ).Run(devices);
    }

    [Theory]
    [MemberData(nameof(Groups))]
    public void StackedLinear(int n, int k, int[] sizes)
    {
        int[] offsets = [0, .. sizes.Select((_, e) => sizes.Take(e + 1).Sum())];
        OpInput x = OpInput.Random(new Shape(offsets[^1], k), 1);
        foreach (bool inputsFirst in new[] { false, true })
        {
            new OpCheck(
                (bench, t) => Ops.StackedLinear(t[0], t[1], bench.Int(new Shape(offsets.Length), offsets), inputsFirst),
                t => Reference.GroupedLinear(t[0], [.. t[1].Chunk(n * k).Select(w => inputsFirst ? Turned(w, n) : w)], k, offsets),
                x,
                OpInput.Random(inputsFirst ? new Shape(sizes.Length, k, n) : new Shape(sizes.Length, n, k), 2)
            )
            {
                Tolerance = 4e-7 * Math.Sqrt(k + 1),
                GradTolerance = 6e-6,
            }.Run(devices);
        }

        static double[] Turned(double[] w, int columns) =>
            [.. Enumerable.Range(0, w.Length).Select(i => w[i % (w.Length / columns) * columns + i / (w.Length / columns)])];
    }

    [Fact]
    public void GroupedLinear_IsTheLinearOfEachGroupToTheLastBit()
    {
        Device device = devices.Default;
        using OpBench bench = new(device);
        int[] offsets = [0, 100, 100, 340];
        Tensor x = bench.Float(new Shape(340, 700), OpInput.Numbers(340 * 700, 1));
        Tensor[] weights = [.. Enumerable.Range(0, 3).Select(e => bench.Float(new Shape(70, 700), OpInput.Numbers(70 * 700, 5 + e)))];
        using (device.Step())
        {
            Tensor y = Ops.GroupedLinear(x, weights, bench.Int(new Shape(4), offsets));
            for (int e = 0; e < 3; e++)
            {
                int rows = offsets[e + 1] - offsets[e];
                if (rows > 0)
                {
                    Tensor part = bench.Float(new Shape(rows, 700), x.Span.Slice(offsets[e] * 700, rows * 700));
                    Near.SameBits(y.Span.Slice(offsets[e] * 70, rows * 70), Ops.Linear(part, weights[e]).Span, $"group {e}");
                }
            }
            Should
                .Throw<ArgumentException>(() => Ops.GroupedLinear(x, weights, bench.Int(new Shape(4), [0, 100, 90, 340])))
                .Message.ShouldContain("group 1");
            Should
                .Throw<ArgumentException>(() => Ops.GroupedLinear(x, weights, bench.Int(new Shape(4), [0, 100, 100, 341])))
                .Message.ShouldContain("341");
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 2, 33)]
    [InlineData(90, 3, 64)]
    public void Exchange(int tokens, int topK, int width)
    {
        int[] slots = Shuffled(tokens * topK);
        OpInput x = OpInput.Random(new Shape(tokens, width), 1),
            rows = OpInput.Random(new Shape(tokens * topK, width), 2);
        OpInput weights = OpInput.Random(new Shape(tokens, topK), 3),
            residual = OpInput.Random(new Shape(tokens, width), 4);
        new OpCheck(
            (bench, t) => Ops.ExpertDispatch(t[0], Routing(bench, bench.Empty(new Shape(tokens, topK)), slots)),
            t => Reference.ExpertDispatch(t[0], slots, topK, width),
            x
        ).Run(devices);
        new OpCheck(
            (bench, t) => Ops.ExpertCombine(t[0], Routing(bench, t[1], slots), new Shape(tokens, width)),
            t => Reference.ExpertCombine(t[0], t[1], slots, topK, width, null),
            rows,
            weights
        ).Run(devices);
        new OpCheck(
            (bench, t) => Ops.ExpertCombine(t[0], Routing(bench, t[1], slots), new Shape(tokens, width), t[2]),
            t => Reference.ExpertCombine(t[0], t[1], slots, topK, width, t[2]),
            rows,
            weights,
            residual
        ).Run(devices);
    }

    [Theory]
    [InlineData(1, 4, 1)]
    [InlineData(12, 8, 3)]
    [InlineData(600, 19, 2)]
    public void Balance(int tokens, int experts, int groups)
    {
        float[] load = OpInput.Numbers((long)groups * experts, 3, 0, 2);
        new OpCheck(
            (bench, x) => Ops.ExpertBalance(x[0], bench.Float(new Shape(groups, experts), load)),
            x => Reference.ExpertBalance(x[0], load, experts, tokens / groups),
            OpInput.Random(new Shape(tokens, experts), 4, 0.1f, 1)
        )
        {
            GradTolerance = 2e-5,
        }.Run(devices);
    }

    [Fact]
    public void Counts()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor counts = bench.Float(new Shape(2, 3), [1, 0, 0, 0, 0, 0]);
            ExpertRouting routing = Routing(bench, bench.Empty(new Shape(4, 2)), new int[8]) with
            {
                Experts = bench.Int(new Shape(4, 2), [0, 1, 1, 2, 2, 0, 2, 1]),
            };
            Ops.CountExperts(routing, counts);
            counts.Span.ToArray().ShouldBe([2, 2, 1, 1, 1, 2]);
        }
    }

    [Theory]
    [InlineData(9, 4, 2)]
    [InlineData(130, 7, 3)]
    public void Masked_TokensGoNowhereAndCountNowhere(int tokens, int experts, int topK)
    {
        const int width = 33;
        int[] mask = [.. Enumerable.Range(0, tokens).Select(t => t % 3 == 1 || t == tokens - 1 ? 0 : 1)];
        int kept = mask.Sum(),
            pairs = kept * topK;
        RoutingRule rule = new(topK);
        OpInput scores = OpInput.Random(new Shape(tokens, experts), tokens, 0.05f, 0.95f);
        int[] all = Reference.ChooseExperts(OpInput.Doubles(scores.Values), null, experts, rule),
            slots = [];
        new OpCheck(
            (bench, x) =>
            {
                ExpertRouting routing = Ops.RouteExperts(x[0], null, rule, bench.Int(new Shape(tokens), mask));
                routing.Experts.Ints.ToArray().ShouldBe([.. all.Select((e, i) => mask[i / topK] == 0 ? -1 : e)]);
                routing.Pairs.ShouldBe(pairs);
                slots = routing.Slots.Ints.ToArray();
                slots.Where(s => s >= 0).Order().ShouldBe(Enumerable.Range(0, pairs));
                Tensor counts = bench.Float(new Shape(1, experts), new float[experts]);
                Ops.CountExperts(routing, counts);
                counts
                    .Span.ToArray()
                    .ShouldBe([
                        .. Enumerable.Range(0, experts).Select(e => (float)all.Where((c, i) => c == e && mask[i / topK] == 1).Count()),
                    ]);
                return routing.Weights;
            },
            x => [.. Reference.ExpertWeights(x[0], all, experts, rule).Select((w, i) => mask[i / topK] * w)],
            scores
        )
        {
            GradScale = 1,
        }.Run(devices);

        // To the twins, masked tokens have one more row, which is dropped, or is zero.
        int[] there = [.. slots.Select(s => s < 0 ? pairs : s)];
        OpInput x = OpInput.Random(new Shape(tokens, width), 1),
            rows = OpInput.Random(new Shape(pairs, width), 2);
        OpInput weights = OpInput.Random(new Shape(tokens, topK), 3),
            residual = OpInput.Random(new Shape(tokens, width), 4);
        new OpCheck(
            (bench, t) => Ops.ExpertDispatch(t[0], Route(bench, bench.Empty(new Shape(tokens, topK)))),
            t => Reference.ExpertDispatch(t[0], there, topK, width)[..(pairs * width)],
            x
        ).Run(devices);
        new OpCheck(
            (bench, t) => Ops.ExpertCombine(t[0], Route(bench, t[1]), new Shape(tokens, width), t[2]),
            t => Reference.ExpertCombine([.. t[0], .. new double[width]], t[1], there, topK, width, t[2]),
            rows,
            weights,
            residual
        ).Run(devices);
        new OpCheck(
            (bench, t) => Ops.ExpertCombine(t[0], Route(bench, t[1]), new Shape(tokens, width)),
            t => Reference.ExpertCombine([.. t[0], .. new double[width]], t[1], there, topK, width, null),
            rows,
            weights
        ).Run(devices);

        float[] load = OpInput.Numbers(experts, 3, 0, 2);
        new OpCheck(
            (bench, t) => Ops.ExpertBalance(t[0], bench.Float(new Shape(1, experts), load), bench.Int(new Shape(tokens), mask)),
            t => Reference.ExpertBalance([.. t[0].Where((_, i) => mask[i / experts] == 1)], load, experts, kept),
            scores
        )
        {
            GradTolerance = 2e-5,
        }.Run(devices);

        ExpertRouting Route(OpBench bench, Tensor w) =>
            new(w, bench.Int(w.Shape, new int[slots.Length]), bench.Int(w.Shape, slots), bench.Int(new Shape(2), [0, pairs]));
    }

    private static ExpertRouting Routing(OpBench bench, Tensor weights, int[] slots) =>
        new(
            weights,
            bench.Int(weights.Shape, new int[slots.Length]),
            bench.Int(weights.Shape, slots),
            bench.Int(new Shape(2), [0, slots.Length])
        );

    private static int[] Shuffled(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(count).Shuffle(order);
        return order;
    }

    /// <summary>Slots are a permutation that sorts the pairs by expert, tokens ascending.</summary>
    private static void CheckOrder(ExpertRouting routing, int experts)
    {
        int[] chosen = routing.Experts.Ints.ToArray(),
            slots = routing.Slots.Ints.ToArray();
        int[] expected = [.. Enumerable.Range(0, chosen.Length).OrderBy(pair => chosen[pair])]; // a stable sort
        for (int slot = 0; slot < expected.Length; slot++)
        {
            slots[expected[slot]].ShouldBe(slot);
        }
        routing.Offsets.Ints.ToArray().ShouldBe([.. Enumerable.Range(0, experts + 1).Select(e => chosen.Count(c => c < e))]);
    }
}
