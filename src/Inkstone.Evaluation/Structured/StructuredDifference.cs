namespace Inkstone.Evaluation;

/// <summary>Why an answer is judged otherwise than by MicroLM's rules.</summary>
internal static class StructuredDifference
{
    /// <summary>The metrics that differ, each with its reason.</summary>
    public static IEnumerable<(string Metric, string Why)> Explain(StructuredScore ours, MicroLmScore theirs)
    {
        if (ours.Missing.Count > 0 != theirs.Missing > 0)
        {
            yield return (
                "missing",
                ours.Missing.Count > 0
                    ? "a required field without a value counts as missing here"
                    : $"required fields are found in {Place(ours)}, where MicroLM does not look"
            );
        }
        if (ours.Extra.Count > 0 != theirs.Extra > 0)
        {
            yield return (
                "hallucination",
                ours.Extra.Count > 0
                    ? $"fields of {Place(ours)} are looked at here"
                    : "keys of an object that is a field's value are no fields here, but a wrong type"
            );
        }
        if (ours.Strict != theirs.Strict)
        {
            yield return (
                "strict",
                ours.Strict ? "the keys that MicroLM counts as extra are no fields"
                : ours.Extra.Count > 0 ? $"a field of {Place(ours)} is not allowed"
                : ours.Missing.Count > 0 ? "a required field has no value"
                : ours.WrongTypes.Count > 0 ? "a value is of a wrong type, which MicroLM does not look at"
                : ours.WrongValues.Count > 0 ? $"a value in {Place(ours)} is none of those allowed"
                : "the answer is no object"
            );
        }
        if (!ours.Parses)
        {
            yield return ("hallucination", "what does not parse is left out of the share here, and counts as free of hallucination there");
        }
    }

    private static string Place(StructuredScore ours) =>
        ours.Form switch
        {
            "flat" => "a flat object",
            "list" => "a list of objects",
            _ => "objects in lists",
        };
}
