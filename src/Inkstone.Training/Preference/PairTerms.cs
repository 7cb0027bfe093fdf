using static Inkstone.Training.Logistic;

namespace Inkstone.Training;

/// <summary>The losses of one pair, with their derivatives.</summary>
internal static class PairTerms
{
    /// <summary>A loss of u and v: its value, ∂/∂u and ∂/∂v. n, m: tokens of the chosen and of the rejected answer.</summary>
    public static (double Loss, double Chosen, double Rejected) Evaluate(PairOptions o, PairTerm term, double u, double v, int n, int m)
    {
        double b = o.Beta;
        switch (term.Kind)
        {
            case PairKind.NcaPair:
                return (
                    -Log(b * u) - 0.5 * Log(-b * u) - 0.5 * Log(-b * v),
                    b * (-Sigmoid(-b * u) + 0.5 * Sigmoid(b * u)),
                    0.5 * b * Sigmoid(b * v)
                );
            case PairKind.BcoPair:
                return (-Log(b * u) - Log(-b * v), -b * Sigmoid(-b * u), b * Sigmoid(b * v));
            case PairKind.SppoHard:
                double a = u - 0.5 / b,
                    c = v + 0.5 / b;
                return (a * a + c * c, 2 * a, 2 * c);
            case PairKind.ApoZero:
                return (1 - Sigmoid(b * u) + Sigmoid(b * v), -b * Slope(b * u), b * Slope(b * v));
            case PairKind.ApoDown:
                double between = b * Slope(b * (u - v));
                return (Sigmoid(b * u) + 1 - Sigmoid(b * (u - v)), b * Slope(b * u) - between, between);
            case PairKind.Dpop:
                (double penalised, double s) = OfMargin(o, term, u - v - o.DpopLambda * Math.Max(0, -u));
                return (penalised, s * (u < 0 ? 1 + o.DpopLambda : 1), -s);
            default:
                bool average = term.Kind is PairKind.Ipo or PairKind.SigmoidNorm;
                double chosenLength = average ? Math.Max(1, n) : 1,
                    rejectedLength = average ? Math.Max(1, m) : 1;
                (double hu, double du) = Divergence(o, u);
                (double hv, double dv) = Divergence(o, v);
                (double loss, double slope) = OfMargin(o, term, hu / chosenLength - hv / rejectedLength);
                return (loss, slope * du / chosenLength, -slope * dv / rejectedLength);
        }
    }

    /// <summary>A loss of a margin z, and its derivative.</summary>
    public static (double Loss, double Slope) OfMargin(PairOptions o, PairTerm term, double z)
    {
        double b = o.Beta,
            e = term.LabelSmoothing,
            x = b * z;
        switch (term.Kind)
        {
            case PairKind.Ipo or PairKind.IpoSum or PairKind.CpoIpo:
                return ((z - 0.5 / b) * (z - 0.5 / b), 2 * (z - 0.5 / b));
            case PairKind.Hinge or PairKind.CpoHinge:
                return (Math.Max(0, 1 - x), x < 1 ? -b : 0);
            case PairKind.Robust:
                return ((-(1 - e) * Log(x) + e * Log(-x)) / (1 - 2 * e), b * (-(1 - e) * Sigmoid(-x) - e * Sigmoid(x)) / (1 - 2 * e));
            case PairKind.ExoPair:
                double p = Sigmoid(x),
                    q = Sigmoid(-x),
                    right = Math.Log(1 - e),
                    wrong = Math.Log(e);
                return (p * (Log(x) - right) + q * (Log(-x) - wrong), b * p * q * (x - right + wrong));
            case PairKind.Discopop:
                double gate = Sigmoid(x / o.Tau),
                    open = Slope(x / o.Tau) / o.Tau,
                    decay = Math.Exp(-x);
                return (-Log(x) * (1 - gate) + decay * gate, b * (-Sigmoid(-x) * (1 - gate) + Log(x) * open - decay * gate + decay * open));
            case PairKind.SigmoidNorm or PairKind.Dpop:
                return (-Log(x), -b * Sigmoid(-x));
            case PairKind.Simpo:
                return Smoothed(x - o.Gamma, b, e);
            default:
                return Smoothed(x, b, e);
        }
    }

    private static (double Loss, double Slope) Smoothed(double x, double beta, double e) =>
        (-(1 - e) * Log(x) - e * Log(-x), beta * (-(1 - e) * Sigmoid(-x) + e * Sigmoid(x)));

    /// <summary>h(u) and h′(u).</summary>
    private static (double Value, double Slope) Divergence(PairOptions o, double u)
    {
        double a = o.DivergenceAlpha - 1;
        return o.Divergence switch
        {
            FDivergence.ForwardKl => (-ExpM1(-u), Math.Exp(-u)),
            FDivergence.JsDivergence => (Math.Log(2) + Log(u), Sigmoid(-u)),
            FDivergence.AlphaDivergence when a != 0 => Power(a, u),
            _ => (u, 1),
        };
    }

    /// <summary>The exponent is cut where the power would leave all bounds, as other programs do.</summary>
    private static (double Value, double Slope) Power(double a, double u)
    {
        const double most = 80;
        double exponent = a * u;
        return exponent > most ? (ExpM1(most) / a, 0) : (ExpM1(exponent) / a, Math.Exp(exponent));
    }
}
