using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The objective of a policy's own answers.</summary>
/// <param name="model">the policy</param>
/// <param name="options">which loss</param>
/// <param name="maxLength">longest answer that is allowed, which Dr. GRPO divides by</param>
/// <param name="temperature">at which the answers were written; log-probabilities and entropies are at it</param>
public sealed class PolicyObjective(CausalLm model, PolicyOptions options, int maxLength, double temperature = 1)
{
    private readonly PolicyLoss _policyLoss = new(options);
    private readonly LabelStatistics _statistics = new();
    private readonly TokenRuns _policy = new(),
        _entropies = new(),
        _ones = new(),
        _gradient = new(),
        _entropyGradient = new(),
        _ratios = new();
    private readonly List<MetricTerm> _metrics = [];
    private PolicyBatch _batch = null!;
    private double _stepUnits;

    /// <summary>How answers are weighed that the sampler's arithmetic finds otherwise likely than the trainer's; null: not at
    /// all.</summary>
    public SamplerRatio? Correction { get; init; }

    /// <summary>The part of one micro-batch.</summary>
    public LossTerms ComputeLoss(PolicyBatch batch, float normalizer)
    {
        (_batch, _stepUnits) = (batch, normalizer);
        _metrics.Clear();
        Tensor loss = model.LabelLoss(
            batch.Answers.Hidden(model),
            batch.Answers.Labels(model.Device),
            _statistics,
            Loss,
            (float)temperature
        );
        return new LossTerms(loss).With(_metrics);
    }

    /// <summary>Log-probabilities of answers at the temperature, by the arithmetic of training: those that are old in the steps to come, or
    /// the reference's.</summary>
    public void LogProbs(AnswerBatch answers, TokenRuns to)
    {
        using StepScope step = model.Device.Step(record: true);
        using TapePause pause = model.Device.Tape.Paused();
        to.ShapeAs(answers.Shape);
        model.LabelLoss(answers.Hidden(model), answers.Labels(model.Device), _statistics, _ => 0, (float)temperature);
        _statistics.LogProbs.CopyTo(to.Values);
    }

    private double Loss(LabelStatistics statistics)
    {
        _policy.ShapeAs(_batch.Answers.Shape);
        statistics.LogProbs.CopyTo(_policy.Values);
        _entropies.ShapeAs(_policy);
        statistics.Entropies.CopyTo(_entropies.Values);
        if (_batch.Known.Mask is null)
        {
            _ones.ShapeAs(_policy);
            _ones.Values.Fill(1);
        }
        PolicyAnswers known = Known();
        double divisor = _policyLoss.Divisor(known.Mask ?? _ones, _stepUnits, maxLength),
            microBatches = _stepUnits / Math.Max(1, _batch.LabelCount);
        double loss = _policyLoss.Compute(_policy, _entropies, known, divisor, microBatches, _gradient, _entropyGradient, _metrics);
        _gradient.Values.CopyTo(statistics.LogProbGradients);
        _entropyGradient.Values.CopyTo(statistics.EntropyGradients);
        return loss;
    }

    /// <summary>What is known of the answers, once the step has found what the weights that wrote them say, and how far the sampler was
    /// from it.</summary>
    private PolicyAnswers Known()
    {
        PolicyAnswers known = _batch.Known;
        if (_batch.OldIsNow)
        {
            known.Old.CopyFrom(_policy);
        }
        if (known.SampledBy is not { } sampled)
        {
            return known;
        }
        SamplerGap.Tell(known.Old, sampled, _metrics);
        if (Correction is null)
        {
            return known;
        }
        Correction.Compute(known.Old, sampled, _ratios);
        SamplerGap.TellRatios(_ratios, _metrics);
        return known with { Sampler = _ratios };
    }
}
