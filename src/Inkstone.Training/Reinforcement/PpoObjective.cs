using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The objective of PPO: a policy with a critic on its own hidden states, one number for each token that is to come.</summary>
/// <param name="model">the policy</param>
/// <param name="loss">bounds and weights</param>
/// <param name="temperature">at which the answers were written</param>
internal sealed class PpoObjective(CausalLm model, PpoLoss loss, double temperature = 1) : IDisposable
{
    /// <summary>Name of the critic's weight, [1, C].</summary>
    public const string HeadName = "value_head.weight";

    private readonly LabelStatistics _statistics = new();
    private readonly TokenRuns _policy = new(),
        _values = new(),
        _gradient = new(),
        _valueGradient = new();
    private readonly List<MetricTerm> _metrics = [];

    /// <summary>The critic's weight, [1, C]; zeros at first.</summary>
    public Tensor Head { get; } = NewHead(model);

    /// <summary>What moves: the policy's parameters, or its adapter's, and the critic's weight.</summary>
    public Parameters Trained => _trained ??= (model.Adapter?.Parameters ?? model.Parameters).With(new Parameter(HeadName, Head));

    private Parameters? _trained;

    /// <summary>The part of one micro-batch.</summary>
    public LossTerms ComputeLoss(PolicyBatch batch, float normalizer)
    {
        _metrics.Clear();
        Tensor hidden = batch.Answers.Hidden(model); // [N, C]
        Tensor values = Ops.Linear(hidden, Head); // [N, 1]
        Read(values, batch.Answers);
        double valueLoss = 0;
        Tensor policy = model.LabelLoss(
            hidden,
            batch.Answers.Labels(model.Device),
            _statistics,
            statistics =>
            {
                _policy.ShapeAs(batch.Answers.Shape);
                statistics.LogProbs.CopyTo(_policy.Values);
                (double value, valueLoss) = loss.Compute(
                    _policy,
                    batch.Known.Old,
                    batch.Known.Advantages,
                    _values,
                    batch.Values!,
                    batch.Returns!,
                    normalizer,
                    _gradient,
                    _valueGradient
                );
                _gradient.Values.CopyTo(statistics.LogProbGradients);
                Tell(batch, statistics, value * normalizer, valueLoss * normalizer);
                return value;
            },
            (float)temperature
        );
        Tensor critic = Ops.KnownLoss(values, loss.ValueWeight * valueLoss, _valueGradient.Values);
        return new LossTerms(Ops.Add(policy, critic)).With(_metrics);
    }

    /// <summary>Log-probabilities and values of answers before the first step.</summary>
    public void Recall(AnswerBatch answers, TokenRuns logProbs, TokenRuns values)
    {
        using StepScope step = model.Device.Step(record: true);
        using TapePause pause = model.Device.Tape.Paused();
        Tensor hidden = answers.Hidden(model);
        Read(Ops.Linear(hidden, Head), answers);
        values.CopyFrom(_values);
        logProbs.ShapeAs(answers.Shape);
        model.LabelLoss(hidden, answers.Labels(model.Device), _statistics, _ => 0, (float)temperature);
        _statistics.LogProbs.CopyTo(logProbs.Values);
    }

    /// <inheritdoc/>
    public void Dispose() => Head.Dispose();

    private static Tensor NewHead(CausalLm model)
    {
        Tensor head = Tensor.Allocate(model.Device, new Shape(1, model.OutputWeight.Shape.Last), DType.Float32, requiresGrad: true);
        head.CopyFrom(new float[head.Count]);
        return head;
    }

    private void Read(Tensor values, AnswerBatch answers)
    {
        _values.ShapeAs(answers.Shape);
        for (int t = 0; t < _values.TokenCount; t++)
        {
            _values.Values[t] = values.Item(t);
        }
    }

    private void Tell(PolicyBatch batch, LabelStatistics statistics, double policySum, double valueSum)
    {
        double kl = 0,
            clipped = 0,
            valueClipped = 0,
            entropy = 0,
            mean = 0,
            back = 0;
        int tokens = _policy.TokenCount;
        for (int t = 0; t < tokens; t++)
        {
            double apart = _policy.Values[t] - batch.Known.Old.Values[t],
                ratio = Math.Exp(apart);
            kl += 0.5 * apart * apart;
            clipped += Math.Abs(ratio - 1) > loss.Clip ? 1 : 0;
            valueClipped += Math.Abs(_values.Values[t] - batch.Values!.Values[t]) > loss.ValueClip ? 1 : 0;
            (entropy, mean, back) = (entropy + statistics.Entropies[t], mean + _values.Values[t], back + batch.Returns!.Values[t]);
        }
        _metrics.AddRange([
            new("loss/policy", policySum, tokens),
            new("loss/value", valueSum, tokens),
            new("policy/approx_kl", kl, tokens),
            new("policy/clip_fraction", clipped, tokens),
            new("value/clip_fraction", valueClipped, tokens),
            new("value/mean", mean, tokens),
            new("value/return", back, tokens),
            new("entropy", entropy, tokens),
        ]);
    }
}
