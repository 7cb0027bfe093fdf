namespace Inkstone.Training;

/// <summary>The logistic function and its relatives, exact far out on both sides.</summary>
internal static class Logistic
{
    /// <summary>σ(x) = 1 / (1 + e⁻ˣ).</summary>
    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    /// <summary>σ′(x) = σ(x) σ(−x).</summary>
    public static double Slope(double x) => Sigmoid(x) * Sigmoid(-x);

    /// <summary>log σ(x).</summary>
    public static double Log(double x) => Math.Min(x, 0) - Log1P(Math.Exp(-Math.Abs(x)));

    /// <summary>log(1 + x), also where 1 + x rounds.</summary>
    public static double Log1P(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * x / (sum - 1); // the rounding of the sum cancels
    }

    /// <summary>log(1 − eˣ) of x &lt; 0.</summary>
    public static double Log1MinusExp(double x) => x > -0.693 ? Math.Log(-ExpM1(x)) : Log1P(-Math.Exp(x));

    /// <summary>eˣ − 1, also where eˣ rounds to 1.</summary>
    public static double ExpM1(double x)
    {
        if (Math.Abs(x) > 0.5)
        {
            return Math.Exp(x) - 1;
        }
        double term = x,
            sum = x;
        for (int n = 2; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
        {
            term *= x / n;
            sum += term;
        }
        return sum;
    }
}
