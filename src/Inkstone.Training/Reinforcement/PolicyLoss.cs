namespace Inkstone.Training;

/// <summary>Losses of reinforcement learning without a critic, as functions of the log-probabilities of answers' tokens, with their
/// gradients by hand.</summary>
public sealed class PolicyLoss(PolicyOptions options)
{
    private readonly PolicyOptions _o = options.Validate();
    private readonly TokenRuns _learned = new(); // mask of the policy term: the mask, the entropies' part of it
    private double[] _counts = [],
        _sorted = [];

    /// <summary>What is minimised.</summary>
    public PolicyOptions Options => _o;

    /// <summary>What sums are divided by for a micro-batch of these answers in a step of <paramref name="stepUnits"/> answers, or tokens
    /// where <see cref="PolicyOptions.PerAnswer"/> is false.</summary>
    public double Divisor(TokenRuns mask, double stepUnits, int maxLength) =>
        _o.Kind switch
        {
            PolicyKind.Bnpo => Math.Max(1, Sum(mask.Values)) * stepUnits / mask.Count,
            PolicyKind.DrGrpo => stepUnits * maxLength,
            _ => stepUnits,
        };

    /// <summary>The loss of a micro-batch.</summary>
    /// <param name="policy">log-probabilities of the answers' tokens now</param>
    /// <param name="entropies">entropies at their places; null where no option asks for them</param>
    /// <param name="answers">what else is known</param>
    /// <param name="divisor">what sums over answers or tokens are divided by: <see cref="Divisor"/></param>
    /// <param name="entropyDivisor">what the mean entropy of the micro-batch is divided by: micro-batches of a step</param>
    /// <param name="gradient">∂L/∂policy; overwritten</param>
    /// <param name="entropyGradient">∂L/∂entropies; overwritten, or null</param>
    /// <param name="metrics">what logs show; null: nothing</param>
    public double Compute(
        TokenRuns policy,
        TokenRuns? entropies,
        PolicyAnswers answers,
        double divisor,
        double entropyDivisor,
        TokenRuns gradient,
        TokenRuns? entropyGradient,
        List<MetricTerm>? metrics = null
    )
    {
        Masks(policy, entropies, answers);
        gradient.ShapeAs(policy);
        entropyGradient?.ShapeAs(policy);
        PolicySums sums = new(_o);
        double loss = 0;
        for (int i = 0; i < policy.Count; i++)
        {
            loss += Answer(i, policy, answers, divisor, gradient, sums);
        }
        if (_o.EntropyCoefficient != 0)
        {
            double plain = loss,
                count = Math.Max(1, Sum(_learned.Values)),
                mean = 0;
            for (int t = 0; t < policy.TokenCount; t++)
            {
                mean += _learned.Values[t] * entropies!.Values[t] / count;
                if (entropyGradient is not null)
                {
                    entropyGradient.Values[t] = -_o.EntropyCoefficient * _learned.Values[t] / count / entropyDivisor;
                }
            }
            loss -= _o.EntropyCoefficient * mean / entropyDivisor;
            metrics?.AddRange([new("policy_loss", plain * entropyDivisor, 1), new("entropy_coef", _o.EntropyCoefficient, 1)]);
        }
        if (metrics is not null)
        {
            sums.Tell(metrics, entropies, answers);
        }
        return loss;
    }

    /// <summary>Tokens of each answer that count, and those that the policy term learns from.</summary>
    private void Masks(TokenRuns policy, TokenRuns? entropies, PolicyAnswers answers)
    {
        if (_counts.Length < policy.Count)
        {
            _counts = new double[policy.Count];
        }
        double least = _o.TopEntropy < 1 ? Quantile(entropies!, answers, 1 - _o.TopEntropy) : double.NegativeInfinity;
        _learned.ShapeAs(policy);
        for (int i = 0; i < policy.Count; i++)
        {
            _counts[i] = 0;
            for (int t = 0; t < policy.Length(i); t++)
            {
                double mask = answers.MaskOf(i, t);
                _counts[i] += mask;
                _learned[i][t] = mask > 0 && (entropies is null || entropies[i][t] >= least) ? mask : 0;
            }
        }
    }

    /// <summary>The quantile of the masked entropies, between two of them by their distance.</summary>
    private double Quantile(TokenRuns entropies, PolicyAnswers answers, double quantile)
    {
        if (_sorted.Length < entropies.TokenCount)
        {
            _sorted = new double[entropies.TokenCount];
        }
        int count = 0;
        for (int i = 0; i < entropies.Count; i++)
        {
            for (int t = 0; t < entropies.Length(i); t++)
            {
                if (answers.MaskOf(i, t) > 0)
                {
                    _sorted[count++] = entropies[i][t];
                }
            }
        }
        if (count == 0)
        {
            return double.NegativeInfinity;
        }
        Array.Sort(_sorted, 0, count);
        double at = quantile * (count - 1);
        int below = (int)Math.Floor(at);
        return _sorted[below] + (at - below) * (_sorted[Math.Min(below + 1, count - 1)] - _sorted[below]);
    }

    private double Answer(int i, TokenRuns policy, PolicyAnswers answers, double divisor, TokenRuns gradient, PolicySums sums)
    {
        ReadOnlySpan<double> now = policy[i],
            old = answers.Old[i];
        Span<double> to = gradient[i];
        double count = Math.Max(1, _counts[i]),
            difference = 0,
            away = 0;
        for (int t = 0; t < now.Length; t++)
        {
            double mask = answers.MaskOf(i, t);
            difference += mask * (now[t] - old[t]);
            away += mask * ((answers.SampledBy is { } sampled ? sampled[i][t] : old[t]) - now[t]) / count;
        }
        bool one = _o.SequenceRatio || _o.Kind == PolicyKind.Rloo;
        double whole = Math.Exp(_o.Kind == PolicyKind.Rloo ? difference : difference / count),
            wholeSlope = 0,
            loss = 0; // wholeSlope: ∂L/∂(the answer's ratio)
        double logWeight = _o.Kind == PolicyKind.Vespo ? difference + SamplerLog(i, answers) : 0;
        double perToken =
            (
                _o.Kind is PolicyKind.Grpo or PolicyKind.Sapo ? 1 / count
                : _o.Kind == PolicyKind.Rloo ? 1 / count
                : 1
            ) / divisor;
        sums.Begin(_counts[i]);
        for (int t = 0; t < now.Length; t++)
        {
            double mask = answers.MaskOf(i, t),
                a = answers.AdvantageOf(i, t),
                ratio = one ? whole : Math.Exp(now[t] - old[t]);
            bool keep = _o.OffPolicyThreshold is not { } threshold || a >= 0 || away <= threshold;
            double weight = (keep ? 1 : 0) * _learned[i][t] * (_o.Kind == PolicyKind.Vespo ? 1 : answers.SamplerOf(i, t));
            PolicyTerm term = PolicyTerm.Evaluate(_o, ratio, a, now[t], logWeight);
            double value = term.Value * weight,
                byRatio = term.ByRatio * weight,
                byLog = term.ByLog * weight,
                kl = 0;
            if (_o.Beta > 0)
            {
                double apart = answers.Reference![i][t] - now[t],
                    k3 = Logistic.ExpM1(apart) - apart,
                    slope = -Logistic.ExpM1(apart);
                kl = _o.KlTimesRatio ? k3 * ratio : k3;
                value += _o.Beta * kl;
                byRatio += _o.KlTimesRatio ? _o.Beta * k3 : 0;
                byLog += _o.Beta * (_o.KlTimesRatio ? slope * ratio : slope);
            }
            double scale = mask * perToken;
            loss += scale * value;
            wholeSlope += one ? scale * byRatio : 0;
            to[t] = scale * (byLog + (one ? 0 : byRatio * ratio));
            sums.Add(mask, term, kl);
        }
        for (int t = 0; t < now.Length && one; t++)
        {
            to[t] += wholeSlope * whole * answers.MaskOf(i, t) / (_o.Kind == PolicyKind.Rloo ? 1 : count);
        }
        sums.End();
        return loss;
    }

    private static double SamplerLog(int i, PolicyAnswers answers)
    {
        double sum = 0;
        if (answers.Sampler is { } sampler)
        {
            for (int t = 0; t < (sampler.Length(i) == 1 ? 1 : answers.Old.Length(i)); t++)
            {
                sum += (sampler.Length(i) == 1 ? 1 : answers.MaskOf(i, t)) * Math.Log(Math.Max(answers.SamplerOf(i, t), 1e-8));
            }
        }
        return sum;
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }
        return sum;
    }
}
