namespace Inkstone.Training.Tests;

/// <summary>Every loss of preference and reinforcement learning against finite differences, and those that reference numbers do not hold
/// against formulas written once more.</summary>
public sealed class PreferenceLossTests
{
    private const double Step = 1e-6;

    public static TheoryData<PairKind> Kinds => [.. Enum.GetValues<PairKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gradients_of_pairs_are_finite_differences(PairKind kind)
    {
        double smoothing = kind == PairKind.ExoPair ? 0.05 : 0.1;
        PairOptions plain = new([new PairTerm(kind, 0.7, smoothing), new PairTerm(PairKind.Sft, 0.3)], 0.4) { DpopLambda = 3, Gamma = 0.8 };
        List<PairOptions> all =
        [
            plain,
            plain with
            {
                LengthAlpha = 0.4,
            },
            plain with
            {
                Divergence = FDivergence.ForwardKl,
            },
            plain with
            {
                Divergence = FDivergence.JsDivergence,
            },
            plain with
            {
                Divergence = FDivergence.AlphaDivergence,
                DivergenceAlpha = 0.3,
            },
            plain with
            {
                RewardAlpha = 0.25,
            },
        ];
        TokenRuns policy = Runs(1, prompts: kind == PairKind.Orpo),
            reference = Runs(2),
            squares = Runs(3);
        foreach (PairOptions options in all)
        {
            PairLoss loss = new(options);
            TokenRuns gradient = new(),
                rest = new();
            loss.Compute(policy, 3, reference, squares, gradient);
            for (int t = 0; t < policy.TokenCount; t++)
            {
                double value = policy.Values[t];
                policy.Values[t] = value + Step;
                double up = loss.Compute(policy, 3, reference, squares, rest);
                policy.Values[t] = value - Step;
                double down = loss.Compute(policy, 3, reference, squares, rest);
                policy.Values[t] = value;
                gradient.Values[t].ShouldBe((up - down) / (2 * Step), 1e-7, $"{options} token {t}");
            }
        }
    }

    /// <summary>WPO's weights are constants: the gradient is that of the unweighted pairs, each times its weight.</summary>
    [Fact]
    public void Weighed_pairs_are_the_pairs_times_their_weights()
    {
        TokenRuns policy = Runs(1),
            reference = Runs(2),
            squares = Runs(3),
            plain = new(),
            weighed = new();
        PairOptions options = new([new PairTerm(PairKind.Hinge)], 0.4);
        new PairLoss(options).Compute(policy, 3, reference, squares, plain);
        new PairLoss(options with { Weighted = true }).Compute(policy, 3, reference, squares, weighed);
        for (int i = 0; i < 3; i++)
        {
            double weight = Weight(i) * Weight(i + 3);
            weighed[i][0].ShouldBe(plain[i][0] * weight, 1e-12);
            weighed[i + 3][0].ShouldBe(plain[i + 3][0] * weight, 1e-12);
        }

        double Weight(int run) => Math.Exp(policy[run].ToArray().Zip(squares[run].ToArray(), (p, s) => p - s).Average());
    }

    /// <summary>cDPO, IPO on sums and DPO-Positive, which TRL does not have, by their papers' formulas.</summary>
    [Fact]
    public void Losses_beyond_reference_numbers_are_their_formulas()
    {
        TokenRuns policy = Runs(1),
            reference = Runs(2),
            gradient = new();
        double[] u = [.. Enumerable.Range(0, 3).Select(i => Sum(policy, i) - Sum(reference, i))],
            v = [.. Enumerable.Range(3, 3).Select(i => Sum(policy, i) - Sum(reference, i))];
        const double b = 0.3,
            e = 0.1,
            lambda = 4;
        double Ls(double x) => -Math.Log(1 + Math.Exp(-x));
        double Of(PairTerm term) =>
            new PairLoss(new PairOptions([term], b) { DpopLambda = lambda }).Compute(policy, 3, reference, null, gradient);
        Of(new PairTerm(PairKind.Sigmoid, 1, e))
            .ShouldBe(u.Zip(v, (x, y) => -(1 - e) * Ls(b * (x - y)) - e * Ls(-b * (x - y))).Average(), 1e-12);
        Of(new PairTerm(PairKind.IpoSum)).ShouldBe(u.Zip(v, (x, y) => Math.Pow(x - y - 1 / (2 * b), 2)).Average(), 1e-10);
        Of(new PairTerm(PairKind.Dpop)).ShouldBe(u.Zip(v, (x, y) => -Ls(b * (x - y - lambda * Math.Max(0, -x)))).Average(), 1e-12);
    }

    [Theory]
    [InlineData(PolicyKind.Grpo)]
    [InlineData(PolicyKind.Bnpo)]
    [InlineData(PolicyKind.DrGrpo)]
    [InlineData(PolicyKind.Dapo)]
    [InlineData(PolicyKind.Sapo)]
    [InlineData(PolicyKind.Luspo)]
    [InlineData(PolicyKind.Rloo)]
    public void Gradients_of_policies_are_finite_differences(PolicyKind kind)
    {
        TokenRuns policy = Runs(1),
            old = Runs(4),
            entropies = Runs(5),
            mask = new();
        mask.ShapeAs(policy);
        mask.Values.Fill(1);
        mask[1][0] = 0;
        foreach (ref double entropy in entropies.Values)
        {
            entropy = -entropy;
        }
        PolicyAnswers answers = new(old, TokenRuns.FromLists(((double[])[0.7, -0.4, 1.1, -1.3, 0.2, -0.6]).Select(a => new[] { a })))
        {
            Reference = Runs(6),
            Mask = mask,
        };
        foreach (bool sequence in kind == PolicyKind.Luspo ? (bool[])[true] : [false, true])
        {
            PolicyLoss loss = new(
                new PolicyOptions(kind)
                {
                    SequenceRatio = sequence,
                    Beta = 0.3,
                    Delta = 1.6,
                    EntropyCoefficient = 0.2,
                    TopEntropy = 0.8,
                    EpsilonHigh = 0.28,
                }
            );
            TokenRuns gradient = new(),
                byEntropy = new(),
                rest = new();
            double Value() => loss.Compute(policy, entropies, answers, loss.Divisor(mask, 6, 9), 2, rest, null);
            loss.Compute(policy, entropies, answers, loss.Divisor(mask, 6, 9), 2, gradient, byEntropy);
            for (int t = 0; t < policy.TokenCount; t++)
            {
                double value = policy.Values[t];
                policy.Values[t] = value + Step;
                double up = Value();
                policy.Values[t] = value - Step;
                double down = Value();
                policy.Values[t] = value;
                gradient.Values[t].ShouldBe((up - down) / (2 * Step), 1e-7, $"{kind} {sequence} token {t}");
            }
        }
    }

    [Fact]
    public void What_has_no_meaning_is_refused()
    {
        Should.Throw<ArgumentException>(() => new PolicyLoss(new PolicyOptions(PolicyKind.Luspo))).Message.ShouldContain("luspo");
        Should
            .Throw<ArgumentException>(() => new PairLoss(new PairOptions([new PairTerm(PairKind.ExoPair)])))
            .Message.ShouldContain("label_smoothing");
        Should
            .Throw<ArgumentException>(() => new PairLoss(new PairOptions([new PairTerm(PairKind.Aot)]) { Weighted = true }))
            .Message.ShouldContain("weighting");
    }

    /// <summary>A reward that is not finite is none: its group learns from the others.</summary>
    [Fact]
    public void Rewards_that_are_no_numbers_count_nothing()
    {
        double[][] rewards =
        [
            [1],
            [double.PositiveInfinity],
            [0],
            [double.NaN],
        ];
        double[] advantages = Advantages.OfGroups(new AdvantageOptions(4), rewards);
        advantages[1].ShouldBe(0);
        advantages[3].ShouldBe(0);
        advantages[0].ShouldBe(0.5 / (Math.Sqrt(0.5) + 1e-4), 1e-12);
        advantages[2].ShouldBe(-advantages[0], 1e-12);
    }

    [Fact]
    public void Repetition_is_counted_in_characters()
    {
        CollapseWatch.Repetition("the cat sat on a mat").ShouldBeLessThan(0.1);
        CollapseWatch.Repetition("哈哈哈哈哈哈哈哈哈哈哈哈").ShouldBeGreaterThan(0.85);
        CollapseWatch.Repetition("床前明月光，疑是地上霜。举头望明月，低头思故乡。").ShouldBe(0);
    }

    private static double Sum(TokenRuns runs, int run) => runs[run].ToArray().Sum();

    /// <summary>Three chosen and three rejected answers, perhaps with prompts, of log-probabilities around −1.</summary>
    private static TokenRuns Runs(ulong seed, bool prompts = false)
    {
        Tensors.PhiloxRandom random = new(seed, 0);
        ulong at = 0;
        return TokenRuns.FromLists(
            ((int[])[4, 2, 5, 3, 3, 1, .. prompts ? (int[])[2, 3, 1] : []]).Select(n =>
                Enumerable.Range(0, n).Select(_ => -0.3 - 1.4 * random.UniformDouble(at++)).ToArray()
            )
        );
    }
}
