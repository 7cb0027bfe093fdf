using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Requests in a file, and answers that were made elsewhere: lines of JSON with task, doc_id, index, kind, context and
/// continuation or until, and resps.</summary>
public static class RecordedAnswers
{
    /// <summary>One line of JSON for each request.</summary>
    public static IEnumerable<string> Lines(IEnumerable<Request> requests) =>
        requests.Select(r =>
            JsonValues.Write(
                PythonValues.Dict([
                    ("task", new StringValue(r.Task)),
                    ("doc_id", PythonValues.Int(r.DocumentId)),
                    ("index", PythonValues.Int(r.Index)),
                    (
                        "kind",
                        new StringValue(
                            r.Kind switch
                            {
                                RequestKind.LogLikelihood => "loglikelihood",
                                RequestKind.Rolling => "loglikelihood_rolling",
                                _ => "generate_until",
                            }
                        )
                    ),
                    ("context", new StringValue(r.Context)),
                    .. r.Continuation is { } continuation ? new (string, Value)[] { ("continuation", new StringValue(continuation)) } : [],
                    .. r.Settings is { } settings ? new (string, Value)[] { ("gen_kwargs", settings) } : [],
                    ("repeats", PythonValues.Int(r.Repeats)),
                    .. r.Responses.Count > 0 ? new (string, Value)[] { ("resps", new ListValue(r.Responses)) } : [],
                ]),
                ascii: false
            )
        );

    /// <summary>Puts answers to requests: by task, doc_id and index. A request without one stays open.</summary>
    /// <param name="file">lines of JSON with task, doc_id, index and resps (or resp), or a samples file of lm-evaluation-harness</param>
    /// <param name="requests">the requests</param>
    /// <returns>the number of requests that have an answer now</returns>
    /// <exception cref="InvalidDataException">A line fits no request, or its context is another.</exception>
    public static int Read(string file, IEnumerable<Request> requests)
    {
        Dictionary<(string, int, int), Request> open = requests.ToDictionary(r => (r.Task, r.DocumentId, r.Index));
        string[] tasks = [.. open.Keys.Select(k => k.Item1).Distinct()];
        // samples_TASK_DATE.jsonl
        string[] name = Path.GetFileName(file).Split('_');
        string? named =
            name.Length > 2 && name[0] == "samples" ? string.Join('_', name[1..^1])
            : tasks.Length == 1 ? tasks[0]
            : null;
        int answered = 0;
        foreach ((string place, JsonObject line) in JsonRecords.Read(file, []))
        {
            DictValue record = (DictValue)JsonValues.FromJson((JsonNode)line);
            string task =
                record.Text("task")
                ?? (named ?? throw new InvalidDataException($"{place}: the line names no task, and there are several; add task."));
            int document = PythonValues.Whole(record.Get("doc_id")) ?? throw new InvalidDataException($"{place}: the line has no doc_id.");
            if (record.Get("arguments") is DictValue arguments && record.Get("resps") is ListValue several)
            {
                // A line of a samples file holds all requests of a document; with several filters it comes again.
                for (int i = 0; i < arguments.Entries.Count && i < several.Elements.Count; i++)
                {
                    answered += Put(
                        task,
                        document,
                        i,
                        (arguments.Get($"gen_args_{i}") as DictValue)?.Text("arg_0"),
                        several.Elements[i],
                        place
                    );
                }
                continue;
            }
            answered += Put(
                task,
                document,
                PythonValues.Whole(record.Get("index")) ?? 0,
                record.Text("context"),
                record.Get("resps")
                    ?? (
                        record.Get("resp") is { } one
                            ? new ListValue([one])
                            : throw new InvalidDataException($"{place}: the line has no resps.")
                    ),
                place
            );
        }
        return answered;

        int Put(string task, int document, int index, string? context, Value answers, string place)
        {
            if (!open.TryGetValue((task, document, index), out Request? request))
            {
                return 0;
            }
            if (context is not null && context != request.Context)
            {
                throw new InvalidDataException(
                    $"{place}: the answer belongs to another prompt than request {index} of document {document} of {task} has here; take the same task files, shots, seed and template."
                );
            }
            Value[] all = [.. ((SequenceValue)answers).Elements.Select(a => Answer(request.Kind, a, place))];
            if (request.Responses.Count > 0)
            {
                return 0;
            }
            if (all.Length < request.Repeats)
            {
                throw new InvalidDataException(
                    $"{place}: request {index} of document {document} of {task} is made {request.Repeats} times, and there are {all.Length} answers."
                );
            }
            request.Responses.AddRange(all.Take(request.Repeats));
            return 1;
        }
    }

    private static Value Answer(RequestKind kind, Value answer, string place)
    {
        switch (kind)
        {
            case RequestKind.LogLikelihood when answer is SequenceValue { Elements: [var log, var greedy] } && Number(log) is { } value:
                return new TupleValue([
                    new FloatValue(value),
                    BoolValue.FromBoolean(greedy is StringValue word ? word.Content == "True" : greedy.IsTrue),
                ]);
            case RequestKind.Rolling when Number(answer is SequenceValue { Elements: [var only] } ? only : answer) is { } whole:
                return new FloatValue(whole);
            case RequestKind.Generate when answer is StringValue:
                return answer;
            default:
                throw new InvalidDataException(
                    $"{place}: the answer {answer.Repr} is none to such a request; a log-likelihood is [number, true or false], a text a text."
                );
        }
    }

    private static double? Number(Value value) =>
        value is StringValue text ? PythonValues.Real(PythonLiteral.TryRead(text.Content)) : PythonValues.Real(value);
}
