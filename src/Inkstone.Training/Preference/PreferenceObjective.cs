using System.Runtime.InteropServices;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// The objective of preferences: the model's log-probabilities of answers beside those of a reference, which are stored in the batch or,
/// where the model wears an adapter
/// that was new, computed with that adapter off.
/// </summary>
public sealed class PreferenceObjective
{
    private readonly CausalLm _model;
    private readonly PairLoss? _pairs;
    private readonly UnpairedOptions? _unpaired;
    private readonly bool _adapterOff,
        _needsReference;
    private readonly LabelStatistics _statistics = new();
    private readonly TokenRuns _policy = new(),
        _reference = new(),
        _squares = new(),
        _gradient = new(),
        _moved = new(),
        _movedReference = new();
    private readonly List<MetricTerm> _metrics = [];
    private readonly Func<LabelStatistics, double> _loss;
    private PreferenceBatch _batch = null!;
    private double _share;

    private PreferenceObjective(CausalLm model, PairLoss? pairs, UnpairedOptions? unpaired, bool adapterOff, bool needsReference)
    {
        (_model, _pairs, _unpaired, _adapterOff, _needsReference, _loss) = (model, pairs, unpaired, adapterOff, needsReference, Loss);
    }

    /// <summary>Of pairs.</summary>
    /// <param name="model">the policy</param>
    /// <param name="options">which losses</param>
    /// <param name="adapterOff">the reference is the model with its adapter off; false: it is stored in the batches</param>
    public static Objective<PreferenceBatch> OfPairs(CausalLm model, PairOptions options, bool adapterOff = false) =>
        new PreferenceObjective(model, new PairLoss(options), null, adapterOff, options.NeedsReference).ComputeLoss;

    /// <summary>Of single answers.</summary>
    /// <inheritdoc cref="OfPairs"/>
    public static Objective<PreferenceBatch> OfSingles(CausalLm model, UnpairedOptions options, bool adapterOff = false) =>
        new PreferenceObjective(model, null, options, adapterOff, needsReference: true).ComputeLoss;

    private LossTerms ComputeLoss(PreferenceBatch batch, float normalizer)
    {
        (_batch, _share) = (batch, batch.LabelCount / normalizer);
        _metrics.Clear();
        bool moved = _unpaired is { Kind: UnpairedKind.Kto };
        if (moved)
        {
            batch.Moved.LogProbsHere(_model, _moved);
        }
        if (_adapterOff && _needsReference)
        {
            using (_model.Adapter!.Disabled())
            {
                batch.Answers.LogProbsHere(_model, _reference);
                if (moved)
                {
                    batch.Moved.LogProbsHere(_model, _movedReference);
                }
            }
        }
        Tensor loss = _model.LabelLoss(batch.Answers.Hidden(_model), batch.Answers.Labels(_model.Device), _statistics, _loss);
        return new LossTerms(loss).With(_metrics);
    }

    private double Loss(LabelStatistics statistics)
    {
        Copy(statistics.LogProbs, _policy);
        TokenRuns reference = _adapterOff ? _reference : _batch.Reference;
        double loss;
        if (_pairs is not null)
        {
            Copy(statistics.LogSquares, _squares);
            loss = _pairs.Compute(_policy, _batch.LabelCount, _needsReference ? reference : null, _squares, _gradient, _metrics);
        }
        else
        {
            double drift =
                _unpaired!.Kind == UnpairedKind.Kto ? UnpairedLoss.Drift(_moved, _adapterOff ? _movedReference : _batch.MovedReference) : 0;
            loss = UnpairedLoss.Compute(_unpaired, _policy, reference, CollectionsMarshal.AsSpan(_batch.Good), drift, _gradient, _metrics);
        }
        for (int t = 0; t < statistics.Count; t++)
        {
            statistics.LogProbGradients[t] = _share * _gradient.Values[t];
        }
        Tell(statistics);
        return _share * loss;
    }

    private void Copy(ReadOnlySpan<double> from, TokenRuns to)
    {
        to.ShapeAs(_batch.Answers.Shape);
        from.CopyTo(to.Values);
    }

    /// <summary>Mean logits and accuracy of chosen and rejected answers, entropy of all.</summary>
    private void Tell(LabelStatistics s)
    {
        double entropy = 0;
        int answers = _pairs is null ? _policy.Count : 2 * _batch.LabelCount,
            tokens = 0;
        Span<double> logits = stackalloc double[2];
        Span<int> count = stackalloc int[2];
        logits.Clear();
        count.Clear();
        double top = 0;
        for (int i = 0; i < answers; i++)
        {
            int side =
                _pairs is null ? (_batch.Good[i] ? 0 : 1)
                : i < _batch.LabelCount ? 0
                : 1;
            for (int t = _policy.Start(i); t < _policy.Start(i) + _policy.Length(i); t++)
            {
                entropy += s.Entropies[t];
                logits[side] += s.MeanLogits[t];
                top += side == 0 ? s.Top[t] : 0;
            }
            (count[side], tokens) = (count[side] + _policy.Length(i), tokens + _policy.Length(i));
        }
        Add("logits/chosen", logits[0], count[0]);
        Add("logits/rejected", logits[1], count[1]);
        Add("entropy", entropy, tokens);
        if (_pairs is not null)
        {
            Add("mean_token_accuracy", top, count[0]);
            Add(CollapseWatch.PerToken, Chosen(_policy), count[0]);
            if (_needsReference)
            {
                Add(CollapseWatch.Drift, Chosen(_policy) - Chosen(_adapterOff ? _reference : _batch.Reference), count[0]);
            }
        }

        void Add(string name, double sum, int number)
        {
            if (number > 0)
            {
                _metrics.Add(new MetricTerm(name, sum / number, 1)); // a step shows the mean over its micro-batches
            }
        }
    }

    /// <summary>Σ over the tokens of chosen answers.</summary>
    private double Chosen(TokenRuns of)
    {
        double sum = 0;
        for (int t = 0; t < of.Start(_batch.LabelCount); t++)
        {
            sum += of.Values[t];
        }
        return sum;
    }
}
