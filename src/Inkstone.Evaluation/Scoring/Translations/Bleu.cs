using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// BLEU of a corpus (Papineni et al. 2002) up to four words, as sacrebleu computes it (Post 2018): words by the rules of mteval-v13a, case
/// kept, and where no run of n words is right its precision is 1/2, 1/4, … of one hit (Chen and Cherry 2014, method 3).
/// </summary>
internal static class Bleu
{
    private const int Orders = 4;

    private static readonly (PythonRegex Find, string By)[] Rules =
    [
        // Signs stand alone, except the comma, the dash and the full stop,
        (PythonRegex.Parse(@"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), @" \1 "),
        // which do where no digit is before, or none behind them,
        (PythonRegex.Parse(@"([^0-9])([\.,])"), @"\1 \2 "),
        (PythonRegex.Parse(@"([\.,])([^0-9])"), @" \1 \2"),
        // and a dash does behind a digit.
        (PythonRegex.Parse("([0-9])(-)"), @"\1 \2 "),
    ];

    /// <summary>Right runs of 1 to 4 words, all runs of 1 to 4 words, words of the answer, words of the reference.</summary>
    public static double[] Count(string answer, string reference)
    {
        string[] told = Tokens(answer),
            right = Tokens(reference);
        double[] counts = new double[(2 * Orders) + 2];
        for (int n = 1; n <= Orders; n++)
        {
            counts[n - 1] = TranslationScores.Shared(TranslationScores.Grams(told, n), TranslationScores.Grams(right, n));
            counts[Orders + n - 1] = Math.Max(0, told.Length - n + 1);
        }
        (counts[^2], counts[^1]) = (told.Length, right.Length);
        return counts;
    }

    /// <summary>100 · min(1, e^(1 − r/c)) · (Π p_n)^¼ of summed counts.</summary>
    public static double Score(double[] counts)
    {
        if (counts.Take(Orders).All(c => c == 0) || counts[(2 * Orders) - 1] == 0)
        {
            return 0; // nothing is right, or no answer has four words
        }
        double logs = 0,
            halves = 1;
        for (int n = 0; n < Orders; n++)
        {
            halves *= counts[n] == 0 ? 2 : 1;
            logs += Math.Log(100 * (counts[n] == 0 ? 1 / halves : counts[n]) / counts[Orders + n]);
        }
        return (counts[^2] < counts[^1] ? Math.Exp(1 - (counts[^1] / counts[^2])) : 1) * Math.Exp(logs / Orders);
    }

    /// <summary>Words and signs by the rules of mteval-v13a.</summary>
    internal static string[] Tokens(string text)
    {
        text = PythonText
            .Strip(text, null, start: false)
            .Replace("<skipped>", "", StringComparison.Ordinal)
            .Replace("-\n", "", StringComparison.Ordinal)
            .Replace('\n', ' ')
            .Replace("&quot;", "\"", StringComparison.Ordinal)
            .Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal)
            .Replace("&gt;", ">", StringComparison.Ordinal);
        return TranslationScores.Words(Rules.Aggregate($" {text} ", (line, rule) => rule.Find.Replace(line, rule.By)));
    }
}
