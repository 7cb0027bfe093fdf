using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Dynamic fine-tuning (arXiv:2508.05629): each label's −log p times its own p, held constant, so that what the model finds
/// unlikely pulls less.</summary>
public sealed class DynamicTokens(CausalLm model)
{
    private readonly LabelStatistics _statistics = new();
    private readonly List<int> _rows = [],
        _labels = [];

    /// <summary>The part of one micro-batch.</summary>
    public LossTerms ComputeLoss(Batch batch, float normalizer)
    {
        _rows.Clear();
        _labels.Clear();
        for (int i = 0; i < batch.Labels.Length; i++)
        {
            if (batch.Labels[i] != Batch.IgnoredLabel)
            {
                _rows.Add(i);
                _labels.Add(batch.Labels[i]);
            }
        }
        Device device = model.Device;
        Tensor hidden = model.Hidden(NextToken.Ids(device, batch), NextToken.Context(device, batch));
        Tensor rows = Ops.GatherRows(
            hidden,
            device.Rent(new Shape(_rows.Count), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_rows))
        );
        return model.LabelLoss(
            rows,
            device.Rent(new Shape(_labels.Count), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_labels)),
            _statistics,
            s => Loss(s, normalizer)
        );
    }

    /// <summary>Σ −p log p / <paramref name="normalizer"/> with its gradient, p held constant.</summary>
    public static double Loss(LabelStatistics s, double normalizer)
    {
        double loss = 0;
        for (int i = 0; i < s.Count; i++)
        {
            double p = Math.Exp(s.LogProbs[i]) / normalizer;
            s.LogProbGradients[i] = -p;
            loss -= p * s.LogProbs[i];
        }
        return loss;
    }
}
