namespace Inkstone.Training;

/// <summary>What logs show of a policy's losses: shares of clipped tokens (of answers where these have one ratio), divergence,
/// entropy.</summary>
internal sealed class PolicySums(PolicyOptions o)
{
    private double _tokens,
        _low,
        _high,
        _kl,
        _phi,
        _answers;
    private double _rowTokens,
        _rowLow,
        _rowHigh,
        _leastLow = double.PositiveInfinity,
        _mostHigh = double.NegativeInfinity;
    private bool _first;

    private bool OneRatio => o.SequenceRatio || o.Kind == PolicyKind.Rloo;

    public void Begin(double tokens) => (_rowTokens, _rowLow, _rowHigh, _first) = (tokens, 0, 0, true);

    public void Add(double mask, in PolicyTerm term, double kl)
    {
        // An answer's ratio is one, so it counts once, whatever is masked.
        double weight = OneRatio ? (_first ? 1 : 0) : mask;
        _rowLow += term.Low ? weight : 0;
        _rowHigh += term.High ? weight : 0;
        _phi += _first ? term.Phi : 0;
        _kl += mask * kl;
        _first = false;
    }

    public void End()
    {
        double units = OneRatio ? 1 : _rowTokens;
        (_tokens, _low, _high, _answers) = (_tokens + _rowTokens, _low + _rowLow, _high + _rowHigh, _answers + 1);
        if (units > 0)
        {
            (_leastLow, _mostHigh) = (Math.Min(_leastLow, _rowLow / units), Math.Max(_mostHigh, _rowHigh / units));
        }
    }

    public void Tell(List<MetricTerm> metrics, TokenRuns? entropies, PolicyAnswers answers)
    {
        if (o.Beta > 0)
        {
            metrics.Add(new("kl", _kl, _tokens));
        }
        if (entropies is not null)
        {
            double sum = 0;
            for (int i = 0; i < entropies.Count; i++)
            {
                for (int t = 0; t < entropies.Length(i); t++)
                {
                    sum += answers.MaskOf(i, t) * entropies[i][t];
                }
            }
            metrics.Add(new("entropy", sum, _tokens));
        }
        double units = OneRatio ? _answers : _tokens;
        switch (o.Kind)
        {
            case PolicyKind.Cispo:
                metrics.Add(new("cispo_clip_ratio", _high, units));
                break;
            case PolicyKind.Vespo:
                metrics.Add(new("vespo/phi_seq_mean", _phi, _answers));
                break;
            case PolicyKind.Sapo:
                break;
            default:
                metrics.AddRange([
                    new("clip_ratio/low_mean", _low, units),
                    new("clip_ratio/low_min", Known(_leastLow), 1),
                    new("clip_ratio/high_mean", _high, units),
                    new("clip_ratio/high_max", Known(_mostHigh), 1),
                    new("clip_ratio/region_mean", _low + _high, units),
                ]);
                break;
        }
    }

    private static double Known(double value) => double.IsFinite(value) ? value : 0;
}
