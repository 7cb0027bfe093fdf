namespace Inkstone.Training.Tests;

/// <summary>PPO's advantages and losses against the papers' definitions, written once more: sums instead of recursions, cases instead of
/// maxima, differences instead of derivatives.</summary>
public sealed class PpoLossTests
{
    private const double Step = 1e-6;
    private static readonly PpoLoss Loss = new(Gamma: 0.97, Lambda: 0.9, Clip: 0.2, ValueClip: 0.3, ValueWeight: 0.4);

    /// <summary>A_t = Σ_l (γλ)^l δ_{t+l}, and equally Σ over n of (1 − λ) λ^(n−1) times the advantage of n steps (arXiv:1506.02438, eq.
    /// 16).</summary>
    [Fact]
    public void Advantages_are_the_weighed_mean_of_those_of_n_steps()
    {
        TokenRuns rewards = Runs(1, -1, 1),
            values = Runs(2, -1, 1),
            advantages = new(),
            returns = new();
        Loss.Estimate(rewards, values, advantages, returns);
        for (int i = 0; i < rewards.Count; i++)
        {
            int length = rewards.Length(i);
            for (int t = 0; t < length; t++)
            {
                double left = length - t,
                    expected = 0;
                for (int n = 1; n <= left; n++)
                {
                    double steps = n < left ? Math.Pow(Loss.Gamma, n) * values[i][t + n] : 0;
                    for (int k = 0; k < n; k++)
                    {
                        steps += Math.Pow(Loss.Gamma, k) * rewards[i][t + k];
                    }
                    double weight = Math.Pow(Loss.Lambda, n - 1) * (n < left ? 1 - Loss.Lambda : 1);
                    expected += weight * (steps - values[i][t]);
                }
                advantages[i][t].ShouldBe(expected, 1e-12, $"answer {i}, token {t}");
                returns[i][t].ShouldBe(expected + values[i][t], 1e-12);
            }
        }
    }

    /// <summary>With γ = λ = 1 and a reward at the end alone, a value should have been that reward wherever it stands.</summary>
    [Fact]
    public void A_reward_at_the_end_is_the_return_of_every_token()
    {
        TokenRuns rewards = TokenRuns.FromLists([
                [0.0, 0, 0, 0.7],
                [0.0, 1.1],
            ]),
            values = TokenRuns.FromLists([
                [0.1, -0.4, 2, 0.3],
                [5.0, 6],
            ]),
            advantages = new(),
            returns = new();
        new PpoLoss(Gamma: 1, Lambda: 1).Estimate(rewards, values, advantages, returns);
        returns[0].ToArray().ShouldAllBe(r => Math.Abs(r - 0.7) < 1e-12);
        returns[1].ToArray().ShouldAllBe(r => Math.Abs(r - 1.1) < 1e-12);
        advantages[0][2].ShouldBe(-1.3, 1e-12);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whitened_numbers_have_deviation_one(bool keepMean)
    {
        TokenRuns numbers = Runs(3, 2, 9);
        double[] before = numbers.Values.ToArray();
        double mean = before.Average(),
            deviation = Math.Sqrt(before.Sum(v => v * v - 2 * v * mean + mean * mean) / (before.Length - 1));
        PpoLoss.Whiten(numbers, keepMean);
        for (int t = 0; t < before.Length; t++)
        {
            numbers.Values[t].ShouldBe((before[t] - mean) / deviation + (keepMean ? mean : 0), 1e-7);
        }
    }

    [Fact]
    public void Losses_are_the_papers_and_gradients_are_finite_differences()
    {
        TokenRuns old = Runs(4, -2, -0.5),
            policy = Runs(5, -2, -0.5),
            advantages = Runs(6, -2, 2),
            values = Runs(7, -1, 1),
            now = Runs(8, -1.3, 1.3),
            returns = Runs(9, -1, 1),
            gradient = new(),
            valueGradient = new(),
            rest = new(),
            valueRest = new();
        const double Divisor = 37;
        (double policyLoss, double valueLoss) = Both(gradient, valueGradient);
        double expected = 0,
            expectedValue = 0;
        int bound = 0,
            valueBound = 0;
        for (int t = 0; t < policy.TokenCount; t++)
        {
            double ratio = Math.Exp(policy.Values[t]) / Math.Exp(old.Values[t]),
                a = advantages.Values[t];
            // A good token stops counting when it has become 1 + ε times as likely, a bad one at 1 − ε.
            bool stops = a > 0 ? ratio > 1.2 : ratio < 0.8;
            expected -= stops ? (a > 0 ? 1.2 : 0.8) * a : ratio * a;
            double moved = now.Values[t] - values.Values[t],
                near = values.Values[t] + Math.Sign(moved) * Math.Min(Math.Abs(moved), 0.3);
            double plain = Math.Pow(now.Values[t] - returns.Values[t], 2),
                clipped = Math.Pow(near - returns.Values[t], 2);
            expectedValue += 0.5 * (plain > clipped ? plain : clipped);
            (bound, valueBound) = (bound + (stops ? 1 : 0), valueBound + (clipped > plain ? 1 : 0));
        }
        (bound > 2 && valueBound > 2).ShouldBeTrue("both bounds are met");
        policyLoss.ShouldBe(expected / Divisor, 1e-12);
        valueLoss.ShouldBe(expectedValue / Divisor, 1e-12);
        for (int t = 0; t < policy.TokenCount; t++)
        {
            gradient.Values[t].ShouldBe(Slope(policy, t), 1e-7, $"policy, token {t}");
            valueGradient.Values[t].ShouldBe(Slope(now, t), 1e-7, $"value, token {t}");
        }

        (double Policy, double Value) Both(TokenRuns byPolicy, TokenRuns byValue) =>
            Loss.Compute(policy, old, advantages, now, values, returns, Divisor, byPolicy, byValue);

        double Slope(TokenRuns of, int t)
        {
            double at = of.Values[t];
            of.Values[t] = at + Step;
            double up = Whole();
            of.Values[t] = at - Step;
            double down = Whole();
            of.Values[t] = at;
            return (up - down) / (2 * Step);
        }

        double Whole()
        {
            (double p, double v) = Both(rest, valueRest);
            return p + Loss.ValueWeight * v;
        }
    }

    private static TokenRuns Runs(ulong seed, double least, double most)
    {
        Tensors.PhiloxRandom random = new(seed, 0);
        ulong at = 0;
        return TokenRuns.FromLists(
            ((int[])[6, 1, 9, 4, 12]).Select(n =>
                Enumerable.Range(0, n).Select(_ => least + (most - least) * random.UniformDouble(at++)).ToArray()
            )
        );
    }
}
