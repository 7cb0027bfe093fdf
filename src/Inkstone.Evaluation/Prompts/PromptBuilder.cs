using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>The text that stands before an answer: system instruction and description, worked examples, the question.</summary>
internal sealed class PromptBuilder(EvaluationTask task, PromptOptions options)
{
    /// <summary>The contexts of a document: one, or one for each choice where choices are contexts.</summary>
    public IReadOnlyList<string> Contexts(DictValue document, int shots)
    {
        TaskConfig config = task.Config;
        string? prefix = config.Text("gen_prefix") is { } rule ? task.Field(document, rule, "gen_prefix") ?? "" : null;
        string description = task.Field(document, config.Text("description"), "description") ?? "";
        string system = PromptPart.Joined(options.SystemInstruction, description, config.Text("fewshot_delimiter") ?? "");
        List<PromptPart> parts = system.Length > 0 ? [new PromptPart("system", system)] : [];
        if (shots > 0)
        {
            foreach (DictValue shot in task.Sampler.Sample(shots, document))
            {
                parts.AddRange(Shot(shot));
            }
        }
        if (task.MultipleInput)
        {
            return
            [
                .. task.Choices(document)!.Select(choice => Render([.. parts, .. Turn(choice, null, null, prefix, "", "\n\n")], prefix)),
            ];
        }
        return
        [
            Render(
                [
                    .. parts,
                    .. Turn(
                        Asked(task.Question(document), document),
                        task.Choices(document),
                        null,
                        prefix,
                        config.Text("target_delimiter") ?? "",
                        ""
                    ),
                ],
                prefix
            ),
        ];
    }

    private PromptPart[] Shot(DictValue document)
    {
        DictValue shots = task.Config.Shots;
        Value question = task.Question(document, shots.Get("doc_to_text"));
        IReadOnlyList<string>? choices = shots.Get("doc_to_choice") is { } rule ? task.Choices(document, rule) : null;
        Value answer = task.Target(document, shots.Get("doc_to_target"));
        string? prefix = task.Field(document, shots.Text("gen_prefix"), "gen_prefix");
        if (task.MultipleInput && choices is not null && PythonValues.Whole(question) is { } place)
        {
            (question, choices) = (new StringValue(choices[place]), null);
        }
        return Turn(
            Asked(question, document),
            choices,
            answer,
            prefix,
            shots.Text("target_delimiter") ?? "",
            shots.Text("fewshot_delimiter") ?? ""
        );
    }

    private string Asked(Value question, DictValue document) =>
        question is StringValue text
            ? text.Content
            : throw new InvalidDataException(
                $"{task.Config.Place}: the question {question.Text} was read as a number, because it is nothing but digits; write something beside it in doc_to_text (the document: {Short(document)})."
            );

    /// <summary>A question, with its answer or with what an answer begins with.</summary>
    private PromptPart[] Turn(
        string question,
        IReadOnlyList<string>? choices,
        Value? answer,
        string? prefix,
        string delimiter,
        string behind
    )
    {
        bool answered = answer is not (null or NoneValue or StringValue { Content: "" }),
            begun = !string.IsNullOrEmpty(prefix);
        PromptPart asked = new(
            "user",
            question,
            (answered && !begun) || (begun && PromptPart.NeedsDelimiter(question, prefix!)) ? delimiter : ""
        );
        if (!answered)
        {
            return begun ? [asked, new PromptPart("assistant", prefix!)] : [asked];
        }
        Value right =
            choices is { Count: > 0 } && PythonValues.Whole(answer) is { } place ? new StringValue(Choice(choices, place))
            : answer is SequenceValue { Elements.Count: > 0 } several ? several.Elements[0]
            : answer!;
        return right is StringValue text
            ? [asked, new PromptPart("assistant", PromptPart.Joined(prefix, text.Content, " "), behind)]
            : throw new InvalidDataException(
                $"{task.Config.Place}: the answer {right.Repr} of an example is no text; write doc_to_target as a template: \"{{{{…}}}}\"."
            );
    }

    private string Choice(IReadOnlyList<string> choices, int place) =>
        place >= -choices.Count && place < choices.Count
            ? choices[place < 0 ? place + choices.Count : place]
            : throw new InvalidDataException(
                $"{task.Config.Place}: an example's answer is choice number {place}, and it has {choices.Count} choices."
            );

    private string Render(IReadOnlyList<PromptPart> parts, string? prefix) =>
        options.Chat is null
            ? PromptPart.Text(parts)
            : options.Chat(
                [.. PromptPart.Messages(parts, options.Multiturn).Select(p => new PromptMessage(p.Role, p.Content))],
                string.IsNullOrEmpty(prefix)
            );

    private static string Short(DictValue document) => document.Repr is { Length: > 80 } text ? text[..80] + "…" : document.Repr;
}
