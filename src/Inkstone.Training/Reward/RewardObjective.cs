using System.Runtime.InteropServices;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The objective of a reward model: <see cref="RewardLoss"/> over pairs.</summary>
/// <param name="model">the model with its head</param>
/// <param name="centering">coefficient of (c + r)², which keeps rewards around 0</param>
public sealed class RewardObjective(ScoredModel model, double centering = 0)
{
    private readonly List<MetricTerm> _metrics = [];
    private double[] _rewards = [],
        _gradient = [];

    /// <summary>The part of one micro-batch.</summary>
    public LossTerms ComputeLoss(RewardBatch batch, float normalizer)
    {
        _metrics.Clear();
        Tensor rewards = model.Rewards(batch.Texts.Hidden(model.Model)); // [2n, 1]
        int count = 2 * batch.LabelCount;
        if (_rewards.Length < count)
        {
            (_rewards, _gradient) = (new double[count], new double[count]);
        }
        for (int i = 0; i < count; i++)
        {
            _rewards[i] = rewards.Item(i);
        }
        double share = batch.LabelCount / normalizer;
        double loss = RewardLoss.Compute(
            _rewards.AsSpan(0, count),
            CollectionsMarshal.AsSpan(batch.Margins),
            centering,
            _gradient,
            _metrics
        );
        for (int i = 0; i < count; i++)
        {
            _gradient[i] *= share;
        }
        return new LossTerms(Ops.KnownLoss(rewards, share * loss, _gradient.AsSpan(0, count))).With(_metrics);
    }
}
