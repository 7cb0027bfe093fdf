using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Comparisons of losses, gradients and metrics of one file.</summary>
internal sealed class LossChecks(string file)
{
    private readonly List<VerificationCheck> _checks = [];

    /// <summary>What was found.</summary>
    public IReadOnlyList<VerificationCheck> All => _checks;

    /// <summary>A single number; relative where it is above 1.</summary>
    public void Number(string name, double actual, double expected, double tolerance) => Numbers(name, [actual], [expected], tolerance);

    /// <summary>Numbers, each relative where it is above 1.</summary>
    public void Numbers(string name, ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, double tolerance)
    {
        double worst = actual.Length == expected.Length ? 0 : double.PositiveInfinity;
        for (int i = 0; i < Math.Min(actual.Length, expected.Length); i++)
        {
            double difference =
                double.IsNaN(actual[i]) && double.IsNaN(expected[i])
                    ? 0
                    : Math.Abs(actual[i] - expected[i]) / Math.Max(1, Math.Abs(expected[i]));
            worst = double.IsNaN(difference) ? double.NaN : Math.Max(worst, difference);
        }
        _checks.Add(new VerificationCheck($"{file}: {name}", worst, tolerance));
    }

    /// <summary>Numbers, relative to the largest.</summary>
    public void OfLargest(string name, ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, double tolerance)
    {
        double worst = actual.Length == expected.Length ? 0 : double.PositiveInfinity,
            largest = 0;
        for (int i = 0; i < Math.Min(actual.Length, expected.Length); i++)
        {
            double difference = Math.Abs(actual[i] - expected[i]);
            worst = double.IsNaN(difference) ? double.NaN : Math.Max(worst, difference);
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }
        _checks.Add(new VerificationCheck($"{file}: {name}", largest > 0 ? worst / largest : worst, tolerance));
    }

    /// <summary>Loss and gradient of a case.</summary>
    public void Loss(string name, JsonNode expected, double loss, ReadOnlySpan<double> gradient, double tolerance)
    {
        Number($"{name}: loss", loss, (double)expected.Get("loss"), tolerance);
        OfLargest($"{name}: gradient", gradient, expected.Get("grad").Flat(), tolerance);
    }

    /// <summary>Each metric of a case.</summary>
    public void Metrics(string name, JsonNode? expected, List<MetricTerm> metrics, double tolerance, params ReadOnlySpan<string> elsewhere)
    {
        foreach ((string key, JsonNode? value) in expected?.AsObject() ?? [])
        {
            if (!elsewhere.Contains(key))
            {
                MetricTerm[] found = [.. metrics.Where(m => m.Name == key)];
                double actual =
                    found.Length == 0 ? double.NaN
                    : found.Sum(m => m.Normalizer) is > 0 and var count ? found.Sum(m => m.Sum) / count
                    : found.Sum(m => m.Sum);
                Number($"{name}: {key}", actual, (double)value!, tolerance);
            }
        }
    }

    /// <summary>float32 cases may be ten times as far off.</summary>
    public static double Tolerance(JsonNode expected) =>
        ((string?)expected["precision"])?.Contains("float32", StringComparison.Ordinal) ?? false ? 1e-5 : 1e-6;

    /// <summary>A complaint about a case that is not known.</summary>
    public InvalidDataException Unknown(string what) => new($"{file}: {what} is not known here.");
}
