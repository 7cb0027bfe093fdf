using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Standard errors: s/√n of a mean, with s over n − 1; of others the deviation over documents drawn anew with Python's
/// generator.</summary>
internal static class StandardErrors
{
    private const int ChunkSize = 1000;

    /// <summary>The error, or "N/A" where there is no way to it.</summary>
    public static Value Compute(MetricUse? metric, string aggregation, IReadOnlyList<Value> values, int iterations, string place)
    {
        iterations = metric?.Name is "bleu" or "chrf" or "chrf++" or "ter" ? Math.Min(iterations, 100) : iterations;
        if (iterations <= 0 || values.Count < 2)
        {
            return new StringValue("N/A");
        }
        if (aggregation == "mean")
        {
            double[] numbers = [.. values.Select(v => PythonValues.Real(v)!.Value)];
            return new FloatValue(Deviation(numbers) / Math.Sqrt(numbers.Length));
        }
        return Aggregations.IsBootstrapped(aggregation)
            ? new FloatValue(Deviation(Bootstrap(Aggregations.Number(aggregation, values, place), values.Count, iterations)))
            : new StringValue("N/A");
    }

    /// <summary>Chunks of 1,000 draws, each from a generator of its own, seeded by the chunk's number; what fills no chunk is left
    /// out.</summary>
    private static double[] Bootstrap(Func<int[], double> statistic, int count, int iterations)
    {
        int size = Math.Min(ChunkSize, iterations),
            chunks = iterations / size;
        double[] found = new double[chunks * size];
        Parallel.For(
            0,
            chunks,
            chunk =>
            {
                MersenneTwister random = new(chunk);
                int[] places = new int[count];
                for (int i = 0; i < size; i++)
                {
                    random.Choices(places, count);
                    found[(chunk * size) + i] = statistic(places);
                }
            }
        );
        return found;
    }

    private static double Deviation(double[] numbers)
    {
        double mean = numbers.Sum() / numbers.Length;
        return Math.Sqrt(numbers.Sum(n => (n - mean) * (n - mean)) / (numbers.Length - 1));
    }
}
