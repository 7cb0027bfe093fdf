using Inkstone.Files;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What result files tell of one document under one filter.</summary>
internal static class SampleRecord
{
    public static DictValue Create(
        EvaluationTask task,
        int id,
        DictValue document,
        Request[] requests,
        string filter,
        IReadOnlyList<(string Metric, Value Value)> scores
    )
    {
        Value target = task.Target(document);
        return PythonValues.Dict([
            ("doc_id", PythonValues.Int(id)),
            ("doc", document),
            ("target", target),
            ("arguments", new ListValue([.. requests.Select(r => new TupleValue(r.Arguments))])),
            ("resps", new ListValue([.. requests.Select(r => new ListValue(r.Responses))])),
            ("filtered_resps", new ListValue([.. requests.Select(r => r.Filtered[filter])])),
            ("filter", new StringValue(filter)),
            ("metrics", new ListValue([.. scores.Select(s => new StringValue(s.Metric))])),
            ("doc_hash", new StringValue(Sha256.Hex(JsonValues.Write(document, indent: 2, ascii: false)))),
            ("prompt_hash", new StringValue(Sha256.Hex(requests[0].Context))),
            ("target_hash", new StringValue(Sha256.Hex(target.Text))),
            .. scores,
        ]);
    }
}
