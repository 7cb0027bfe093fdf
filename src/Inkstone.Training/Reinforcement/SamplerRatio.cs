namespace Inkstone.Training;

/// <summary>
/// What answers count that were written by arithmetic other than the trainer's (another precision, quantised weights): exp of the trainer's
/// log-probability less the sampler's,
/// of each token or of the whole answer, cut or left out where it is far from 1.
/// </summary>
/// <param name="Sequence">one number for each answer, of the sum over its tokens</param>
/// <param name="Mask">numbers outside the bounds count 0; else they are cut to the upper one</param>
/// <param name="Most">upper bound</param>
/// <param name="Least">lower bound</param>
public sealed record SamplerRatio(bool Sequence = true, bool Mask = true, double Most = 3, double Least = 0)
{
    /// <summary>The ratios of answers.</summary>
    /// <param name="old">the trainer's log-probabilities</param>
    /// <param name="sampled">the sampler's</param>
    /// <param name="ratios">overwritten: a number for each answer, or each token</param>
    public void Compute(TokenRuns old, TokenRuns sampled, TokenRuns ratios)
    {
        ratios.Clear();
        for (int i = 0; i < old.Count; i++)
        {
            Span<double> run = ratios.Add(Sequence ? 1 : old.Length(i));
            for (int t = 0; t < old.Length(i); t++)
            {
                run[Sequence ? 0 : t] += old[i][t] - sampled[i][t];
            }
            foreach (ref double ratio in run)
            {
                ratio = Bounded(Math.Exp(ratio));
            }
        }
    }

    private double Bounded(double ratio) =>
        ratio >= Least && ratio <= Most ? ratio
        : Mask ? 0
        : Math.Clamp(ratio, Least, Most);
}
