using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Scores of multiple choice: which choice is likeliest, by itself, per character, per byte, or beyond its own
/// likelihood.</summary>
internal static class ChoiceScores
{
    /// <summary>The mark for a target that is none of the choices.</summary>
    private const int None = -100;

    public static List<(string, Value)> Compute(EvaluationTask task, DictValue document, IReadOnlyList<Value> responses)
    {
        IReadOnlyList<string> choices = task.Choices(document)!;
        double[] all = new double[responses.Count];
        bool[] greedy = new bool[responses.Count];
        for (int i = 0; i < responses.Count; i++)
        {
            SequenceValue pair =
                responses[i] as SequenceValue
                ?? throw new InvalidDataException(
                    $"{task.Config.Place}: the filters make {responses[i].Repr} of a log-likelihood; leave filter_list out."
                );
            (all[i], greedy[i]) = (PythonValues.Real(pair.Elements[0])!.Value, pair.Elements[1].IsTrue);
        }
        double[] logs = all.Length == 2 * choices.Count && task.HasMetric("acc_mutual_info") ? all[..choices.Count] : all;
        int likeliest = Largest(logs);
        int perCharacter = Largest([.. logs.Zip(choices, (l, c) => l / CodePoints.Count(c))]);
        int perByte = Largest([.. logs.Zip(choices, (l, c) => l / Encoding.UTF8.GetByteCount(c))]);
        Gold gold = Right(task, document, choices);
        List<(string, Value)> scores = [];
        Add("acc", () => Hit(likeliest));
        Add("f1", () => new TupleValue([gold.Value, PythonValues.Int(likeliest)]));
        Add("mcc", () => new TupleValue([gold.Value, PythonValues.Int(likeliest)]));
        Add("acc_norm", () => Hit(perCharacter));
        Add("acc_bytes", () => Hit(perByte));
        Add("exact_match", () => PythonValues.Int(gold.Places.Any(g => g != None && At(greedy, g)) ? 1 : 0));
        Add("brier_score", () => new TupleValue([gold.Value, new ListValue([.. Softmax(logs).Select(p => new FloatValue(p))])]));
        Add("likelihood", () => new TupleValue([gold.Value, new TupleValue([.. logs.Select(l => new FloatValue(l))])]));
        Add(
            "acc_mutual_info",
            () => new FloatValue(gold.IsOne && Largest([.. logs.Select((l, i) => l - all[choices.Count + i])]) == gold.Places[0] ? 1 : 0)
        );
        return scores;

        void Add(string metric, Func<Value> value)
        {
            if (task.HasMetric(metric))
            {
                scores.Add((metric, value()));
            }
        }

        FloatValue Hit(int choice) => new(gold.Places.Contains(choice) && (gold.IsOne || task.MultipleTarget) ? 1 : 0);
    }

    /// <summary>What is right: one place, or several.</summary>
    private sealed record Gold(Value Value, IReadOnlyList<int> Places, bool IsOne);

    private static Gold Right(EvaluationTask task, DictValue document, IReadOnlyList<string> choices)
    {
        Value gold = task.MultipleInput ? task.Question(document) : task.Target(document);
        if (gold is SequenceValue several)
        {
            int[] places =
            [
                .. several.Elements.Select(g =>
                    PythonValues.Whole(g) is { } place
                        ? (place < choices.Count ? place : None)
                        : throw new InvalidDataException(
                            $"{task.Config.Place}: a list of targets must hold the numbers of choices, not {g.Repr}."
                        )
                ),
            ];
            return new Gold(new ListValue([.. places.Select(p => PythonValues.Int(p))]), places, false);
        }
        int one = gold switch
        {
            StringValue text => choices.ToList().IndexOf(text.Content) is >= 0 and var found ? found : None,
            _ when PythonValues.Whole(gold) is { } place => place < choices.Count ? place : None,
            _ => None,
        };
        return new Gold(gold is BoolValue ? gold : PythonValues.Int(one), [one], true);
    }

    private static bool At(bool[] flags, int place) => flags[place < 0 ? place + flags.Length : place];

    /// <summary>The first of the largest; one that is no number counts as the largest.</summary>
    private static int Largest(double[] values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (!double.IsNaN(values[best]) && (values[i] > values[best] || double.IsNaN(values[i])))
            {
                best = i;
            }
        }
        return best;
    }

    private static double[] Softmax(double[] logs)
    {
        double largest = logs.Max(),
            sum = 0;
        double[] shares = [.. logs.Select(l => Math.Exp(l - largest))];
        foreach (double share in shares)
        {
            sum += share;
        }
        return [.. shares.Select(s => s / sum)];
    }
}
