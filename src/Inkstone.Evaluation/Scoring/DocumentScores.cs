using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What a document's filtered responses are worth, by metric.</summary>
internal static class DocumentScores
{
    public static IReadOnlyList<(string Metric, Value Value)> Compute(
        EvaluationTask task,
        DictValue document,
        IReadOnlyList<Value> responses
    ) =>
        BuiltInFunctions.Score(task.Config, document, responses)
        ?? task.Config.OutputType switch
        {
            "loglikelihood" => LogLikelihood(task, responses[0]),
            "loglikelihood_rolling" => Rolling(task, document, responses[0]),
            "multiple_choice" => ChoiceScores.Compute(task, document, responses),
            _ => GeneratedScores.Compute(task, document, responses[0]),
        };

    private static List<(string, Value)> LogLikelihood(EvaluationTask task, Value response)
    {
        SequenceValue pair =
            response as SequenceValue
            ?? throw new InvalidDataException(
                $"{task.Config.Place}: the filters make {response.Repr} of a log-likelihood; leave filter_list out."
            );
        List<(string, Value)> scores = [];
        if (task.HasMetric("perplexity"))
        {
            scores.Add(("perplexity", pair.Elements[0]));
        }
        if (task.HasMetric("acc"))
        {
            scores.Add(("acc", PythonValues.Int(pair.Elements[1].IsTrue ? 1 : 0)));
        }
        return scores;
    }

    /// <summary>The log-likelihood, and by how many words or bytes it is divided. Blanks at the ends of a text make empty words, which
    /// count.</summary>
    private static List<(string, Value)> Rolling(EvaluationTask task, DictValue document, Value response)
    {
        string text = task.Target(document).Text;
        Value words = PythonValues.Int(PythonRegex.Parse(@"\s+").Split(text).Length),
            bytes = PythonValues.Int(Encoding.UTF8.GetByteCount(text));
        (string Metric, Value By)[] all = [("word_perplexity", words), ("byte_perplexity", bytes), ("bits_per_byte", bytes)];
        return [.. all.Where(m => task.HasMetric(m.Metric)).Select(m => (m.Metric, (Value)new TupleValue([response, m.By])))];
    }
}
