namespace Inkstone.Training;

/// <summary>
/// Losses of preferences between two answers to a prompt, as functions of the log-probabilities of their tokens, with their gradients by
/// hand.
/// Everything is a mean over the pairs that are given, <see cref="PairKind.Sft"/> and the likelihood of <see cref="PairKind.Orpo"/> means
/// over their tokens.
/// </summary>
public sealed class PairLoss(PairOptions options)
{
    private readonly PairOptions _o = options.Validate();
    private double[] _sums = [],
        _reference = [],
        _slopes = [],
        _weights = [];
    private int[] _byFirst = [],
        _bySecond = [];
    private double[] _first = [],
        _second = [];

    /// <summary>What is minimised.</summary>
    public PairOptions Options => _o;

    /// <summary>The loss of n pairs.</summary>
    /// <param name="policy">log-probabilities of answers' tokens: those of n chosen answers, those of n rejected ones, and, where
    /// <see cref="PairOptions.NeedsPrompts"/>, those of the chosen ones' prompts</param>
    /// <param name="pairs">n</param>
    /// <param name="reference">the same 2n runs under the reference; null where no loss needs it</param>
    /// <param name="logSquares">log Σ p² at each answer token; null unless <see cref="PairOptions.Weighted"/></param>
    /// <param name="gradient">∂L/∂policy, of its shape; overwritten</param>
    /// <param name="metrics">what logs show, sums over pairs with their number; null: nothing</param>
    public double Compute(
        TokenRuns policy,
        int pairs,
        TokenRuns? reference,
        TokenRuns? logSquares,
        TokenRuns gradient,
        List<MetricTerm>? metrics = null
    )
    {
        Prepare(policy, pairs, reference, logSquares);
        gradient.ShapeAs(policy);
        double loss = 0;
        foreach (PairTerm term in _o.Terms)
        {
            loss +=
                term.Weight
                * (
                    term.Kind switch
                    {
                        PairKind.Sft => Likelihood(policy, 0, pairs, term.Weight, gradient),
                        PairKind.Orpo => Orpo(policy, pairs, term.Weight, gradient),
                        PairKind.Aot or PairKind.AotUnpaired => Ranked(term, pairs),
                        _ => OverPairs(term, policy, pairs),
                    }
                );
        }
        for (int i = 0; i < 2 * pairs; i++)
        {
            Span<double> run = gradient[i];
            int shorter = Shorter(policy, i, pairs);
            for (int t = 0; t < run.Length; t++)
            {
                run[t] += _slopes[i] * (t < shorter ? 1 : _o.LengthAlpha);
            }
        }
        if (metrics is not null)
        {
            Tell(policy, pairs, metrics);
        }
        return loss;
    }

    private static int Shorter(TokenRuns policy, int run, int pairs) =>
        Math.Min(policy.Length(run), policy.Length(run < pairs ? run + pairs : run - pairs));

    private void Prepare(TokenRuns policy, int pairs, TokenRuns? reference, TokenRuns? logSquares)
    {
        if (_sums.Length < 2 * pairs)
        {
            (_sums, _reference, _slopes, _weights) = (
                new double[2 * pairs],
                new double[2 * pairs],
                new double[2 * pairs],
                new double[pairs]
            );
            (_byFirst, _bySecond, _first, _second) = (new int[pairs], new int[pairs], new double[pairs], new double[pairs]);
        }
        _slopes.AsSpan(0, 2 * pairs).Clear();
        for (int i = 0; i < 2 * pairs; i++)
        {
            int shorter = Shorter(policy, i, pairs);
            _sums[i] = Sum(policy[i], shorter);
            _reference[i] = reference is null ? 0 : Sum(reference[i], shorter);
        }
        for (int i = 0; i < pairs; i++)
        {
            _weights[i] = _o.Weighted ? Weight(policy[i], logSquares![i]) * Weight(policy[i + pairs], logSquares[i + pairs]) : 1;
        }
    }

    private double Sum(ReadOnlySpan<double> run, int shorter)
    {
        double sum = 0;
        for (int t = 0; t < run.Length; t++)
        {
            sum += run[t] * (t < shorter ? 1 : _o.LengthAlpha);
        }
        return sum;
    }

    /// <summary>exp of the mean of log p − log Σ p².</summary>
    private static double Weight(ReadOnlySpan<double> logProbs, ReadOnlySpan<double> logSquares)
    {
        double sum = 0;
        for (int t = 0; t < logProbs.Length; t++)
        {
            sum += logProbs[t] - logSquares[t];
        }
        return Math.Exp(sum / Math.Max(1, logProbs.Length));
    }

    private double OverPairs(PairTerm term, TokenRuns policy, int pairs)
    {
        double loss = 0;
        for (int i = 0; i < pairs; i++)
        {
            (double value, double chosen, double rejected) = PairOptions.IsFree(term.Kind)
                ? Free(term, _sums[i], _sums[i + pairs], policy.Length(i), policy.Length(i + pairs))
                : PairTerms.Evaluate(
                    _o,
                    term,
                    _sums[i] - _reference[i],
                    _sums[i + pairs] - _reference[i + pairs],
                    policy.Length(i),
                    policy.Length(i + pairs)
                );
            loss += _weights[i] * value;
            Slope(i, pairs, term.Weight * _weights[i] * chosen, term.Weight * _weights[i] * rejected);
        }
        return loss / pairs;
    }

    private void Slope(int pair, int pairs, double chosen, double rejected)
    {
        _slopes[pair] += chosen / pairs;
        _slopes[pair + pairs] += rejected / pairs;
    }

    /// <summary>A loss of z = r − r without a reference; r is s or its average, perhaps bent.</summary>
    private (double, double, double) Free(PairTerm term, double chosen, double rejected, int chosenLength, int rejectedLength)
    {
        bool average = PairOptions.IsFreeAverage(term.Kind);
        double n = average ? Math.Max(1, chosenLength) : 1,
            m = average ? Math.Max(1, rejectedLength) : 1;
        (double c, double dc) = Bent(chosen / n);
        (double r, double dr) = Bent(rejected / m);
        (double loss, double slope) = PairTerms.OfMargin(_o, term, c - r);
        return (loss, slope * dc / n, -slope * dr / m);
    }

    private (double Value, double Slope) Bent(double s) =>
        _o.RewardAlpha == 0 ? (s, 1) : (-Logistic.ExpM1(-_o.RewardAlpha * s) / _o.RewardAlpha, Math.Exp(-_o.RewardAlpha * s));

    /// <summary>Minus the mean of all tokens of runs [first, first + count).</summary>
    private static double Likelihood(
        TokenRuns policy,
        int first,
        int count,
        double weight,
        TokenRuns gradient,
        int further = 0,
        int furtherCount = 0
    )
    {
        int tokens = Tokens(policy, first, count) + Tokens(policy, further, furtherCount);
        return tokens == 0
            ? 0
            : Add(policy, first, count, weight / tokens, gradient) / tokens
                + Add(policy, further, furtherCount, weight / tokens, gradient) / tokens;

        static int Tokens(TokenRuns runs, int from, int number)
        {
            int sum = 0;
            for (int i = from; i < from + number; i++)
            {
                sum += runs.Length(i);
            }
            return sum;
        }

        static double Add(TokenRuns runs, int from, int number, double step, TokenRuns to)
        {
            double sum = 0;
            for (int i = from; i < from + number; i++)
            {
                foreach (ref double slope in to[i])
                {
                    slope -= step;
                }
                foreach (double logProb in runs[i])
                {
                    sum -= logProb;
                }
            }
            return sum;
        }
    }

    private double Orpo(TokenRuns policy, int pairs, double weight, TokenRuns gradient)
    {
        double loss = 0;
        for (int i = 0; i < pairs; i++)
        {
            double n = policy.Length(i),
                m = policy.Length(i + pairs),
                c = _sums[i] / n,
                r = _sums[i + pairs] / m;
            double odds = Odds(c) - Odds(r),
                slope = -_o.Beta * Logistic.Sigmoid(-odds);
            loss -= _o.Beta * Logistic.Log(odds);
            Slope(i, pairs, weight * slope / -Logistic.ExpM1(c) / n, -weight * slope / -Logistic.ExpM1(r) / m);
        }
        return loss / pairs + Likelihood(policy, 0, pairs, weight, gradient, 2 * pairs, pairs);
    }

    private static double Odds(double x) => x - Logistic.Log1MinusExp(x);

    /// <summary>Differences by rank: the k-th smallest of one list less the k-th smallest of the other.</summary>
    private double Ranked(PairTerm term, int pairs)
    {
        bool unpaired = term.Kind == PairKind.AotUnpaired;
        for (int i = 0; i < pairs; i++)
        {
            (_byFirst[i], _bySecond[i]) = (i, i);
            _first[i] = unpaired ? _sums[i] - _reference[i] : _sums[i] - _sums[i + pairs];
            _second[i] = unpaired ? _sums[i + pairs] - _reference[i + pairs] : _reference[i] - _reference[i + pairs];
        }
        Array.Sort(_first, _byFirst, 0, pairs);
        Array.Sort(_second, _bySecond, 0, pairs);
        double loss = 0;
        for (int k = 0; k < pairs; k++)
        {
            (double value, double slope) = PairTerms.OfMargin(_o, term, _first[k] - _second[k]);
            loss += value;
            Slope(_byFirst[k], pairs, term.Weight * slope, unpaired ? 0 : -term.Weight * slope);
            Slope(_bySecond[k], pairs, 0, unpaired ? -term.Weight * slope : 0);
        }
        return loss / pairs;
    }

    private void Tell(TokenRuns policy, int pairs, List<MetricTerm> metrics)
    {
        bool reference = _o.NeedsReference;
        bool average = !reference && _o.Terms.Any(t => PairOptions.IsFreeAverage(t.Kind)),
            bent = !reference && _o.Terms.Any(t => PairOptions.IsFree(t.Kind));
        double chosen = 0,
            rejected = 0,
            right = 0,
            chosenLogs = 0,
            rejectedLogs = 0,
            odds = 0,
            logOdds = 0;
        for (int i = 0; i < pairs; i++)
        {
            double c = _sums[i] / (average ? policy.Length(i) : 1),
                r = _sums[i + pairs] / (average ? policy.Length(i + pairs) : 1);
            (chosenLogs, rejectedLogs) = (chosenLogs + c, rejectedLogs + r);
            double cr = reference ? c - _reference[i]
                : bent ? Bent(c).Value
                : c,
                rr = reference ? r - _reference[i + pairs]
                : bent ? Bent(r).Value
                : r;
            (chosen, rejected, right) = (chosen + _o.Beta * cr, rejected + _o.Beta * rr, right + (cr > rr ? 1 : 0));
            if (_o.NeedsPrompts)
            {
                double difference = Odds(c) - Odds(r);
                (odds, logOdds) = (odds + difference, logOdds + Logistic.Log(difference));
            }
        }
        metrics.Add(new("rewards/chosen", chosen, pairs));
        metrics.Add(new("rewards/rejected", rejected, pairs));
        metrics.Add(new("rewards/accuracies", right, pairs));
        metrics.Add(new("rewards/margins", chosen - rejected, pairs));
        metrics.Add(new("logps/chosen", chosenLogs, pairs));
        metrics.Add(new("logps/rejected", rejectedLogs, pairs));
        if (_o.NeedsPrompts)
        {
            metrics.Add(new("log_odds_ratio", logOdds, pairs));
            metrics.Add(new("log_odds_chosen", odds, pairs));
        }
        if (_o.NeedsPrompts || _o.Terms.Any(t => t.Kind == PairKind.Sft))
        {
            (double sum, int tokens) = (0, 0);
            foreach (int i in Enumerable.Range(0, pairs).Concat(_o.NeedsPrompts ? Enumerable.Range(2 * pairs, pairs) : []))
            {
                foreach (double logProb in policy[i])
                {
                    sum -= logProb;
                }
                tokens += policy.Length(i);
            }
            metrics.Add(new("nll_loss", sum / Math.Max(1, tokens), 1));
        }
    }
}
