using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Scores of texts that a model wrote.</summary>
internal static class GeneratedScores
{
    public static List<(string, Value)> Compute(EvaluationTask task, DictValue document, Value response)
    {
        Value gold = task.Target(document);
        if (task.Choices(document) is { } choices)
        {
            gold =
                PythonValues.Whole(gold) is { } place && place >= -choices.Count && place < choices.Count
                    ? new StringValue(choices[place < 0 ? place + choices.Count : place])
                    : throw new InvalidDataException(
                        $"{task.Config.Place}: with doc_to_choice the target must be the number of a choice, and it is {gold.Repr}."
                    );
        }
        else if (!task.MultipleTarget && !task.HasMetric("bypass"))
        {
            gold = AsResponse(task, gold, response);
        }
        List<(string, Value)> scores = [];
        foreach (MetricUse metric in task.Metrics)
        {
            scores.Add(
                (
                    metric.Name,
                    metric.Name switch
                    {
                        "bypass" => NoneValue.None,
                        "exact_match" => task.MultipleTarget
                            ? new FloatValue(
                                Each(gold).Any(g => ExactMatch.Share(g, response, metric.Options, task.Config.Place) > 0) ? 1 : 0
                            )
                            : new FloatValue(ExactMatch.Share(gold, response, metric.Options, task.Config.Place)),
                        _ when task.MultipleTarget => throw new InvalidDataException(
                            $"{task.Config.Place}: with lists of targets only exact_match can be put together, not {metric.Name}; leave that metric out."
                        ),
                        _ => new ListValue([gold, response]),
                    }
                )
            );
        }
        return scores;
    }

    /// <summary>Any of these is right. Where the first document has a list and another a text, that text's characters are taken for the
    /// list.</summary>
    private static IReadOnlyList<Value> Each(Value gold) =>
        gold switch
        {
            SequenceValue several => several.Elements,
            StringValue text => [.. text.Items],
            _ => [gold],
        };

    /// <summary>A target in the type of the response.</summary>
    private static Value AsResponse(EvaluationTask task, Value gold, Value response) =>
        response switch
        {
            StringValue => gold as StringValue ?? new StringValue(gold.Text),
            SequenceValue => gold,
            IntValue
                when PythonValues.Whole(gold) is null
                    && gold is StringValue text
                    && PythonLiteral.TryRead(text.Content.Trim()) is IntValue whole => whole,
            FloatValue when PythonValues.Real(gold) is { } real => new FloatValue(real),
            NoneValue => throw new InvalidDataException($"{task.Config.Place}: a filter gave None; give the filter map a default_value."),
            _ => gold,
        };
}
