namespace Inkstone.Training;

/// <summary>The loss of one token without its weight.</summary>
/// <param name="Value">the loss</param>
/// <param name="ByRatio">its derivative by the ratio ρ</param>
/// <param name="ByLog">its derivative by log p beside that</param>
/// <param name="Low">whether the ratio lies below the lower bound and the advantage would push it further</param>
/// <param name="High">the same above the upper bound</param>
/// <param name="Phi">the factor of VESPO</param>
internal readonly record struct PolicyTerm(double Value, double ByRatio, double ByLog, bool Low, bool High, double Phi)
{
    private const double LeastWeight = 1e-8,
        MostLogWeight = 20;

    public static PolicyTerm Evaluate(PolicyOptions o, double ratio, double a, double logProb, double logWeight)
    {
        switch (o.Kind)
        {
            case PolicyKind.Cispo:
                double factor = Math.Min(ratio, o.High);
                return new(-factor * a * logProb, 0, -factor * a, false, ratio > o.High && a > 0, 0);
            case PolicyKind.Sapo:
                double tau = a > 0 ? o.SapoPositive : o.SapoNegative,
                    x = tau * (ratio - 1);
                return new(-a * 4 * Logistic.Sigmoid(x) / tau, -a * 4 * Logistic.Slope(x), 0, false, false, 0);
            case PolicyKind.Vespo:
                (double k, double lambda) = a >= 0 ? o.VespoPositive : o.VespoNegative;
                double log = Math.Clamp(logWeight, Math.Log(LeastWeight), MostLogWeight),
                    phi = Math.Exp(lambda + k * log - lambda * Math.Exp(log));
                return new(-phi * a * logProb, 0, -phi * a, false, false, phi);
            default:
                double cut = o.Delta is { } delta ? Math.Min(ratio, delta) : ratio,
                    clipped = Math.Clamp(ratio, 1 - o.Epsilon, 1 + o.High);
                bool free = cut * a <= clipped * a;
                double slope =
                    free ? (o.Delta is { } most && ratio > most ? 0 : a)
                    : ratio >= 1 - o.Epsilon && ratio <= 1 + o.High ? a
                    : 0;
                return new(-Math.Min(cut * a, clipped * a), -slope, 0, cut < 1 - o.Epsilon && a < 0, cut > 1 + o.High && a > 0, 0);
        }
    }
}
