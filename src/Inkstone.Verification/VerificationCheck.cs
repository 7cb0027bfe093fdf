using Inkstone.Formats;

namespace Inkstone.Verification;

/// <summary>One comparison with reference numbers.</summary>
/// <param name="Name">what was compared</param>
/// <param name="Worst">largest deviation; for token sequences the number of differing tokens</param>
/// <param name="Tolerance">largest allowed one</param>
public sealed record VerificationCheck(string Name, double Worst, double Tolerance)
{
    /// <summary>Whether the deviation is a number within the tolerance.</summary>
    public bool Ok => Worst <= Tolerance; // false for NaN
}

/// <summary>Allowed deviations for a type of matrix products.</summary>
/// <param name="Logits">of logits and log-probabilities, relative to the largest</param>
/// <param name="Gradient">of a gradient, in relative norm</param>
/// <param name="Loss">of losses, relative</param>
/// <param name="Norm">of gradient norms, relative</param>
internal sealed record Tolerances(double Logits, double Gradient, double Loss, double Norm)
{
    /// <summary>
    /// The tolerances for a device's matrix products. Reference numbers whose file of steps tells the smallest margin of its greedy text
    /// come from families in which
    /// a right float32 engine stays 5e-6, 1.2e-5, 2e-5 and 5e-5 from them, four times what it does elsewhere.
    /// </summary>
    public static Tolerances For(Tensors.DType matMulType, string? steps = null) =>
        matMulType == Tensors.DType.BFloat16 ? new(Logits: 2e-2, Gradient: 5e-2, Loss: 5e-3, Norm: 5e-2)
        : steps is not null && HfConfig.Read(steps).Has("greedy_smallest_margin")
            ? new(Logits: 2e-5, Gradient: 5e-5, Loss: 5e-5, Norm: 1e-4)
        : new(Logits: 5e-6, Gradient: 2e-5, Loss: 1e-5, Norm: 1e-5);
}

/// <summary>Measures of deviation.</summary>
internal static class Deviation
{
    /// <summary>Largest difference, relative to the largest expected value.</summary>
    public static double OfLargest(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double difference = Math.Abs(actual.Length - expected.Length),
            largest = 0;
        for (int i = 0; i < Math.Min(actual.Length, expected.Length); i++)
        {
            double d = Math.Abs((double)actual[i] - expected[i]);
            difference = double.IsNaN(d) ? double.NaN : Math.Max(difference, d);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }
        return largest > 0 ? difference / largest : difference;
    }

    /// <summary>Largest difference, relative to the largest expected value, when the worst rows, one in <paramref name="oneIn"/>, are left
    /// out.</summary>
    public static double OfMostRows(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width, int oneIn)
    {
        if (actual.Length != expected.Length)
        {
            return double.NaN;
        }
        double largest = 0;
        double[] rows = new double[expected.Length / width];
        for (int row = 0; row < rows.Length; row++)
        {
            for (int i = row * width; i < (row + 1) * width; i++)
            {
                double d = Math.Abs((double)actual[i] - expected[i]);
                rows[row] = double.IsNaN(d) ? double.PositiveInfinity : Math.Max(rows[row], d);
                largest = Math.Max(largest, Math.Abs(expected[i]));
            }
        }
        Array.Sort(rows);
        double worst = rows[rows.Length - 1 - rows.Length / oneIn];
        return largest > 0 ? worst / largest : worst;
    }

    /// <summary>Norm of the difference over the norm of the expected values.</summary>
    public static double OfNorm(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double difference = 0,
            norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double d = (double)actual[i] - expected[i];
            difference += d * d;
            norm += (double)expected[i] * expected[i];
        }
        return norm > 0 ? Math.Sqrt(difference / norm) : Math.Sqrt(difference);
    }

    /// <summary>Largest relative difference of single numbers.</summary>
    public static double Relative(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        double worst = actual.Length == expected.Length ? 0 : double.PositiveInfinity;
        for (int i = 0; i < Math.Min(actual.Length, expected.Length); i++)
        {
            double d = Math.Abs(actual[i] - expected[i]) / Math.Max(Math.Abs(expected[i]), 1e-30);
            worst = double.IsNaN(d) ? double.NaN : Math.Max(worst, d);
        }
        return worst;
    }
}
