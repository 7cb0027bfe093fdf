using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>How the values of all documents become one number.</summary>
internal static class Aggregations
{
    /// <summary>Those whose standard error is found by drawing documents again and again.</summary>
    private static readonly string[] Bootstrapped =
    [
        "median",
        "matthews_corrcoef",
        "f1",
        "perplexity",
        "bleu",
        "chrf",
        "chrf++",
        "ter",
        "nanmean",
    ];

    public static readonly string[] Names =
    [
        "mean",
        "nanmean",
        "median",
        "perplexity",
        "weighted_perplexity",
        "bits_per_byte",
        "f1",
        "matthews_corrcoef",
        "brier_score",
        "bleu",
        "chrf",
        "chrf++",
        "ter",
        "bypass",
    ];

    public static bool Has(string name) => Names.Contains(name);

    public static bool IsBootstrapped(string name) => Bootstrapped.Contains(name);

    /// <summary>The number that a name stands for.</summary>
    /// <param name="name">the aggregation</param>
    /// <param name="values">one for each document</param>
    /// <param name="place">for complaints</param>
    public static Value Compute(string name, IReadOnlyList<Value> values, string place)
    {
        if (name == "bypass")
        {
            return PythonValues.Int(999);
        }
        if (name == "median")
        {
            return values.OrderBy(v => PythonValues.Real(v)).ElementAt(values.Count / 2);
        }
        return new FloatValue(Number(name, values, place)(Enumerable.Range(0, values.Count).ToArray()));
    }

    /// <summary>The aggregation as a function of places in the row of values, so that documents can be drawn again and again.</summary>
    public static Func<int[], double> Number(string name, IReadOnlyList<Value> values, string place)
    {
        switch (name)
        {
            case "mean" or "nanmean" or "perplexity" or "median":
                double[] numbers =
                [
                    .. values.Select(v =>
                        PythonValues.Real(v)
                        ?? throw new InvalidDataException($"{place}: {name} needs a number for each document, and one has {v.Repr}.")
                    ),
                ];
                return name switch
                {
                    "mean" => at => Mean(numbers, at),
                    "perplexity" => at => Math.Exp(-Mean(numbers, at)),
                    "median" => at => at.Select(i => numbers[i]).Order().ElementAt(at.Length / 2),
                    _ => at => at.Select(i => numbers[i]).Where(n => !double.IsNaN(n)).DefaultIfEmpty(double.NaN).Average(),
                };
            case "weighted_perplexity" or "bits_per_byte":
                (double Log, double Weight)[] pairs =
                [
                    .. values
                        .Cast<SequenceValue>()
                        .Select(v => (PythonValues.Real(v.Elements[0])!.Value, PythonValues.Real(v.Elements[1])!.Value)),
                ];
                return name == "bits_per_byte" ? at => -Weighted(at) / Math.Log(2) : at => Math.Exp(-Weighted(at));

                double Weighted(int[] at) => at.Sum(i => pairs[i].Log) / at.Sum(i => pairs[i].Weight);
            case "f1" or "matthews_corrcoef":
                (int Gold, int Found)[] labels =
                [
                    .. values
                        .Cast<SequenceValue>()
                        .Select(v =>
                            (
                                PythonValues.Whole(v.Elements[0])
                                    ?? throw new InvalidDataException($"{place}: {name} needs one right choice for each document."),
                                PythonValues.Whole(v.Elements[1])!.Value
                            )
                        ),
                ];
                return name == "f1" ? BinaryF1(labels, place) : at => Correlation(labels, at);
            case "brier_score":
                return Brier([.. values.Cast<SequenceValue>()], place);
            default:
                throw new InvalidDataException(
                    $"{place}: the score {name} is computed by sacrebleu elsewhere and is not built in; leave the metric out, or take --predict-only."
                );
        }
    }

    private static double Mean(double[] numbers, int[] at)
    {
        double sum = 0;
        foreach (int i in at)
        {
            sum += numbers[i];
        }
        return sum / at.Length;
    }

    /// <summary>2 TP / (2 TP + FP + FN) of class 1; with more than two classes there is none.</summary>
    private static Func<int[], double> BinaryF1((int Gold, int Found)[] labels, string place)
    {
        int[] classes = [.. labels.SelectMany(l => new[] { l.Gold, l.Found }).Distinct().Order()];
        if (classes.Length > 2 || (classes.Length == 2 && !classes.Contains(1)))
        {
            throw new InvalidDataException(
                $"{place}: f1 is that of choice 1 against choice 0, and the task has the choices {string.Join(", ", classes)}; take mcc, or a task of two choices."
            );
        }
        return at =>
        {
            int hits = at.Count(i => labels[i] is (1, 1)),
                wrong = at.Count(i => labels[i].Gold == 1 != (labels[i].Found == 1));
            return hits + wrong == 0 ? 0 : 2.0 * hits / ((2.0 * hits) + wrong);
        };
    }

    /// <summary>Matthews' correlation for any number of classes (Gorodkin 2004).</summary>
    private static double Correlation((int Gold, int Found)[] labels, int[] at)
    {
        Dictionary<int, double> gold = [],
            found = [];
        double right = 0,
            n = at.Length;
        foreach (int i in at)
        {
            gold[labels[i].Gold] = gold.GetValueOrDefault(labels[i].Gold) + 1;
            found[labels[i].Found] = found.GetValueOrDefault(labels[i].Found) + 1;
            right += labels[i].Gold == labels[i].Found ? 1 : 0;
        }
        double both = (right * n) - gold.Sum(g => g.Value * found.GetValueOrDefault(g.Key));
        double spread = ((n * n) - found.Values.Sum(f => f * f)) * ((n * n) - gold.Values.Sum(g => g * g));
        return spread == 0 ? 0 : both / Math.Sqrt(spread);
    }

    /// <summary>Mean over documents of Σ (p − 1[right])².</summary>
    private static Func<int[], double> Brier(SequenceValue[] values, string place)
    {
        double[][] shares =
        [
            .. values.Select(v => ((SequenceValue)v.Elements[1]).Elements.Select(p => PythonValues.Real(p)!.Value).ToArray()),
        ];
        int[] right =
        [
            .. values.Select(v =>
                PythonValues.Whole(v.Elements[0])
                ?? throw new InvalidDataException($"{place}: brier_score needs one right choice for each document.")
            ),
        ];
        if (shares.Any(s => s.Length != shares[0].Length) || right.Any(r => r >= shares[0].Length || r < -shares[0].Length))
        {
            throw new InvalidDataException($"{place}: brier_score needs as many choices in each document, and one of them right.");
        }
        return at =>
            at.Average(i =>
                shares[i].Select((p, c) => Math.Pow(p - (c == (right[i] < 0 ? right[i] + shares[i].Length : right[i]) ? 1 : 0), 2)).Sum()
            );
    }
}
