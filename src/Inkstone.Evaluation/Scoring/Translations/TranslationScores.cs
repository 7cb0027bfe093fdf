using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// bleu, chrf, chrf++ and ter as sacrebleu defines them with its defaults, one reference for each text: counts of sentences are summed over
/// the corpus, and the score is one of the sums. So a draw of documents costs additions alone.
/// </summary>
internal static class TranslationScores
{
    public static bool Has(string name) => name is "bleu" or "chrf" or "chrf++" or "ter";

    /// <summary>The score as a function of places in the row of (reference, answer).</summary>
    /// <exception cref="InvalidDataException">A value is no pair of texts.</exception>
    public static Func<int[], double> Number(string name, IReadOnlyList<Value> values, string place)
    {
        ChrF chrf = new(name == "chrf++" ? 2 : 0);
        double[][] counts =
        [
            .. values.Select(v =>
            {
                (string reference, string answer) = Pair(v, name, place);
                return name switch
                {
                    "bleu" => Bleu.Count(answer, reference),
                    "ter" => TranslationEditRate.Count(answer, reference),
                    _ => chrf.Count(answer, reference),
                };
            }),
        ];
        return at =>
        {
            double[] sums = new double[counts[0].Length];
            foreach (int i in at)
            {
                for (int c = 0; c < sums.Length; c++)
                {
                    sums[c] += counts[i][c];
                }
            }
            return name switch
            {
                "bleu" => Bleu.Score(sums),
                "ter" => TranslationEditRate.Score(sums),
                _ => chrf.Score(sums),
            };
        };
    }

    /// <summary>The words of a text, as Python's split() finds them.</summary>
    public static string[] Words(string text)
    {
        List<string> words = [];
        for (int at = 0, start = 0; at <= text.Length; at++)
        {
            if (at == text.Length || PythonText.IsSpace(text[at]))
            {
                if (at > start)
                {
                    words.Add(text[start..at]);
                }
                start = at + 1;
            }
        }
        return [.. words];
    }

    /// <summary>How often each run of n pieces comes.</summary>
    public static Dictionary<string, int> Grams(string[] pieces, int n)
    {
        Dictionary<string, int> counts = new(StringComparer.Ordinal);
        for (int i = 0; i + n <= pieces.Length; i++)
        {
            string gram = string.Join(' ', pieces, i, n);
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    /// <summary>Σ min of both counts.</summary>
    public static int Shared(Dictionary<string, int> of, Dictionary<string, int> and) =>
        of.Sum(g => Math.Min(g.Value, and.GetValueOrDefault(g.Key)));

    private static (string Reference, string Answer) Pair(Value value, string name, string place)
    {
        Value[] pair = [.. ((SequenceValue)value).Elements];
        Value answer = pair[1] is SequenceValue { Elements: [var one] } ? one : pair[1];
        return pair[0] is StringValue right && answer is StringValue text
            ? (right.Content, text.Content)
            : throw new InvalidDataException(
                $"{place}: {name} compares a text with a text, and a document has {pair[0].Repr} and {answer.Repr}; add the filter take_first, or leave the metric out."
            );
    }
}
