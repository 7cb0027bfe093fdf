using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Says before a run what a user would call a mistake, though lm-evaluation-harness does it.</summary>
internal static class RunWarnings
{
    public static void Tell(EvaluationTask task, IReadOnlyList<(int Id, DictValue Document)> documents, EvaluationOptions options)
    {
        if (options.Warn is not { } warn)
        {
            return;
        }
        if (options.Limit == 1)
        {
            warn("--limit 1 means one document of each task, and not all; leave it out for all");
        }
        if (task.Config.NumFewshot > 0 && documents.Any(d => task.Sampler.MayShow(d.Document)))
        {
            warn(
                $"{task.Name}: examples are drawn from the documents that are asked, so that a question can stand in its own prompt with its answer; --exclude-own-answers leaves it out"
            );
        }
        if (task.Config.Shots.Get("fewshot_indices") is not null)
        {
            warn($"{task.Name}: fewshot_indices is not looked at");
        }
        string rule = task.Config.Text("doc_to_target") ?? "";
        if (
            task.Config.Get("doc_to_choice") is not null
            && rule.Contains("{{", StringComparison.Ordinal)
            && task.Choices(documents[0].Document) is { } choices
            && documents
                .Take(20)
                .Any(d =>
                    PythonValues.IsDigits(task.Render(rule, d.Document, "doc_to_target"))
                    && choices.Contains(task.Render(rule, d.Document, "doc_to_target"))
                )
        )
        {
            warn(
                $"{task.Name}: targets of digits are taken as the number of a choice, though choices are numbers themselves; name the column in doc_to_target without braces to look the text up"
            );
        }
        if (
            task.Config.OutputType == "generate_until"
            && rule.Contains("{{", StringComparison.Ordinal)
            && documents.Take(50).Any(d => task.Target(d.Document) is SequenceValue)
        )
        {
            warn(
                $"{task.Name}: a target in square brackets is read as a list of right answers; name the column in doc_to_target without braces to compare the text"
            );
        }
        if (
            task.Config.Text("dataset_path")?.EndsWith("IFEval", StringComparison.OrdinalIgnoreCase) == true
            && documents.Any(d =>
                ((SequenceValue)d.Document.Get("instruction_id_list")!).Elements.Any(i => IfEval.Approximate.Contains(i.Text))
            )
        )
        {
            warn($"{task.Name}: numbers of sentences, words in capitals and languages are counted approximately here");
        }
    }
}
