using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What an evaluation found, in the words of lm-evaluation-harness's result files.</summary>
public sealed class EvaluationResult
{
    internal EvaluationResult(DictValue summary, IReadOnlyDictionary<string, IReadOnlyList<DictValue>> samples) =>
        (Summary, Samples) = (summary, samples);

    /// <summary>results, groups, group_subtasks, configs, versions, n-shot, higher_is_better, n-samples, and core where it was asked for.</summary>
    public DictValue Summary { get; }

    /// <summary>One dict for each document and filter, by task: doc_id, doc, target, arguments, resps, filtered_resps, filter, metrics,
    /// hashes and scores.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<DictValue>> Samples { get; }
}
