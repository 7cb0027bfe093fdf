using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// chrF (Popović 2015): F-score, recall counted twice as much, of the mean precision and recall of runs of 1 to 6 characters without
/// blanks; chrF++ (Popović 2017) has runs of 1 and 2 words beside them.
/// </summary>
/// <param name="words">longest run of words; 0 for chrF</param>
internal sealed class ChrF(int words)
{
    private const int Characters = 6;
    private const double Beta2 = 4;
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>For each length: runs of the answer, of the reference, of both.</summary>
    public double[] Count(string answer, string reference)
    {
        List<double> counts = [];
        foreach (
            (string[] told, string[] right, int longest) in new[]
            {
                (Letters(answer), Letters(reference), Characters),
                (Words(answer), Words(reference), words),
            }
        )
        {
            for (int n = 1; n <= longest; n++)
            {
                Dictionary<string, int> of = TranslationScores.Grams(told, n),
                    and = TranslationScores.Grams(right, n);
                // Runs that the reference is too short for count as none.
                counts.AddRange(and.Count > 0 ? of.Values.Sum() : 0, and.Values.Sum(), TranslationScores.Shared(of, and));
            }
        }
        return [.. counts];
    }

    /// <summary>100 · (1 + β²) P R / (β² P + R) of summed counts; lengths that one side has no run of are left out of the means.</summary>
    public double Score(double[] counts)
    {
        double precision = 0,
            recall = 0;
        int lengths = 0;
        for (int n = 0; n < Characters + words; n++)
        {
            (double told, double right, double both) = (counts[3 * n], counts[(3 * n) + 1], counts[(3 * n) + 2]);
            if (told > 0 && right > 0)
            {
                precision += both / told;
                recall += both / right;
                lengths++;
            }
        }
        if (precision + recall == 0)
        {
            return 0;
        }
        (precision, recall) = (precision / lengths, recall / lengths);
        return 100 * (1 + Beta2) * precision * recall / ((Beta2 * precision) + recall);
    }

    private static string[] Letters(string text) => [.. CodePoints.Each(string.Concat(TranslationScores.Words(text)))];

    /// <summary>Words, of which a sign at the end, else one at the beginning, stands alone.</summary>
    private static string[] Words(string text) =>
        [
            .. TranslationScores
                .Words(text)
                .SelectMany(w =>
                    w.Length == 1 ? [w]
                    : Punctuation.Contains(w[^1], StringComparison.Ordinal) ? [w[..^1], w[^1..]]
                    : Punctuation.Contains(w[0], StringComparison.Ordinal) ? [w[..1], w[1..]]
                    : new[] { w }
                ),
        ];
}
