using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>All requests of a task.</summary>
internal sealed class RequestBuilder(EvaluationTask task, PromptOptions options)
{
    private readonly PromptBuilder _prompts = new(task, options);

    /// <param name="documents">the documents with their numbers</param>
    public List<Request> Build(IEnumerable<(int Id, DictValue Document)> documents)
    {
        List<Request> requests = [];
        int shots = task.Config.NumFewshot ?? 0;
        foreach ((int id, DictValue document) in documents)
        {
            IReadOnlyList<string> contexts = _prompts.Contexts(document, shots);
            requests.AddRange(
                BuildParts(document, contexts)
                    .Select(
                        (r, i) =>
                            new Request(r.Kind, task.Name, id, i, document, r.Context, r.Continuation, r.Settings, task.Config.Repeats)
                    )
            );
        }
        return requests;
    }

    private IEnumerable<(RequestKind Kind, string Context, string? Continuation, DictValue? Settings)> BuildParts(
        DictValue document,
        IReadOnlyList<string> contexts
    )
    {
        switch (task.Config.OutputType)
        {
            case "loglikelihood":
                yield return (RequestKind.LogLikelihood, contexts[0], Text(task.Target(document)), null);
                yield break;
            case "loglikelihood_rolling":
                yield return (RequestKind.Rolling, Text(task.Target(document)), null, null);
                yield break;
            case "generate_until":
                yield return (RequestKind.Generate, contexts[0], null, (DictValue)task.Config.Get("generation_kwargs")!);
                yield break;
        }
        IReadOnlyList<string> choices =
            task.Choices(document)
            ?? throw new InvalidDataException($"{task.Config.Place}: a task of multiple choice needs doc_to_choice.");
        string delimiter = Delimiter();
        IEnumerable<(string, string)> pairs = task.MultipleInput
            ? contexts.Select(context => (context, delimiter + task.Target(document).Text))
            : choices.Select(choice => (contexts[0], delimiter + choice));
        foreach (
            (string context, string continuation) in task.HasMetric("acc_mutual_info")
                ? pairs.Concat(choices.Select(choice => ("", delimiter + choice)))
                : pairs
        )
        {
            yield return (RequestKind.LogLikelihood, context, continuation, null);
        }
    }

    private string Delimiter()
    {
        string delimiter = task.Config.Text("target_delimiter") ?? "";
        return options.Chat is null || (task.Config.Text("gen_prefix") is { Length: > 0 } prefix && !PromptPart.EndsInBlank(prefix))
            ? delimiter
            : "";
    }

    private string Text(Value target) =>
        target is StringValue text
            ? text.Content
            : throw new InvalidDataException(
                $"{task.Config.Place}: the target {target.Repr} is no text; write doc_to_target as a template: \"{{{{…}}}}\"."
            );
}
