using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Evaluation;

/// <summary>What an answer is worth.</summary>
/// <param name="Parses">it is JSON, behind at most one fence</param>
/// <param name="JsonOnly">it is JSON as it stands</param>
/// <param name="Missing">required fields that are absent or empty</param>
/// <param name="Extra">fields that are not allowed, wherever they stand</param>
/// <param name="WrongTypes">fields whose value is of another type</param>
/// <param name="WrongValues">fields whose value is none of those allowed</param>
/// <param name="Strict">an object, and nothing of the above</param>
internal sealed record StructuredScore(
    bool Parses,
    bool JsonOnly,
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> Extra,
    IReadOnlyList<string> WrongTypes,
    IReadOnlyList<string> WrongValues,
    bool Strict
)
{
    /// <summary>Its form in a word: entities, flat, list, other, none.</summary>
    public required string Form { get; init; }

    /// <summary>The same with other names of fields taken as the schema's.</summary>
    public required bool MissingByAlias { get; init; }

    /// <inheritdoc cref="MissingByAlias"/>
    public required bool ExtraByAlias { get; init; }

    /// <inheritdoc cref="MissingByAlias"/>
    public required bool StrictByAlias { get; init; }

    /// <summary>Share of the right answer's fields whose values are the right ones; NaN without a right answer.</summary>
    public required double ValueMatch { get; init; }

    /// <summary>(field, value) pairs of the answer, of the right answer, and of both.</summary>
    public required (int Told, int Right, int Both) Pairs { get; init; }

    /// <summary>Scores an answer.</summary>
    /// <param name="prompt">what was asked</param>
    /// <param name="answer">the text that the model wrote</param>
    /// <param name="aliases">other names of fields</param>
    public static StructuredScore Compute(StructuredPrompt prompt, string answer, FieldAliases aliases)
    {
        AnswerFields fields = AnswerFields.Find(AnswerText.Parse(answer), prompt.Input);
        (string[] missing, string[] extra, string[] types, string[] values) = Faults(prompt, fields.All);
        (string[] missingByAlias, string[] extraByAlias, string[] typesByAlias, string[] valuesByAlias) = Faults(
            prompt,
            [.. fields.All.Select(f => f with { Name = aliases.Canonical(f.Name, prompt.Allowed) })]
        );
        bool isObject = fields.Form is AnswerForm.Entities or AnswerForm.Flat;
        (double match, (int, int, int) pairs) = Values(prompt, fields.All);
        return new StructuredScore(
            fields.Form != AnswerForm.None,
            AnswerText.IsJson(answer),
            missing,
            extra,
            types,
            values,
            isObject && missing.Length + extra.Length + types.Length + values.Length == 0
        )
        {
            Form = fields.Form.ToString().ToLowerInvariant(),
            MissingByAlias = missingByAlias.Length > 0,
            ExtraByAlias = extraByAlias.Length > 0,
            StrictByAlias = isObject && missingByAlias.Length + extraByAlias.Length + typesByAlias.Length + valuesByAlias.Length == 0,
            ValueMatch = match,
            Pairs = pairs,
        };
    }

    private static (string[] Missing, string[] Extra, string[] Types, string[] Values) Faults(
        StructuredPrompt prompt,
        IReadOnlyList<AnswerField> fields
    ) =>
        (
            [.. prompt.Required.Where(r => !fields.Any(f => f.Name == r && !f.IsEmpty))],
            [.. fields.Select(f => f.Name).Where(n => !prompt.Allowed.Contains(n)).Distinct()],
            [
                .. fields
                    .Where(f => prompt.Allowed.Contains(f.Name) && !f.Matches(prompt.Types.GetValueOrDefault(f.Name)))
                    .Select(f => f.Name)
                    .Distinct(),
            ],
            [
                .. fields
                    .Where(f =>
                        prompt.Enums.TryGetValue(f.Name, out IReadOnlyList<string>? allowed)
                        && f.Texts is { } texts
                        && !texts.All(allowed.Contains)
                    )
                    .Select(f => f.Name)
                    .Distinct(),
            ]
        );

    /// <summary>A field counts where one of the same name, of the same entity if there is one, has the same values in any order.</summary>
    private static (double Match, (int, int, int) Pairs) Values(StructuredPrompt prompt, IReadOnlyList<AnswerField> told)
    {
        if (prompt.Gold is null)
        {
            return (double.NaN, default);
        }
        IReadOnlyList<AnswerField> gold = AnswerFields
            .Find(JsonSerializer.SerializeToElement(prompt.Gold, GoldJson.Default.JsonObject), prompt.Input)
            .All;
        int right = gold.Count(g =>
        {
            AnswerField[] named = [.. told.Where(t => t.Name == g.Name && t.Texts is not null)];
            AnswerField[] same = [.. named.Where(t => t.Entity == g.Entity)];
            HashSet<string> wanted = [.. g.Texts ?? []];
            return (same.Length > 0 ? same : named).Any(t => wanted.SetEquals(t.Texts!));
        });
        HashSet<(string, string)> pairs = [.. Pairs(told)],
            goldPairs = [.. Pairs(gold)];
        return (
            gold.Count == 0 ? double.NaN : (double)right / gold.Count,
            (pairs.Count, goldPairs.Count, pairs.Intersect(goldPairs).Count())
        );

        static IEnumerable<(string, string)> Pairs(IReadOnlyList<AnswerField> fields) =>
            fields.SelectMany(f => (f.Texts ?? []).Select(t => (f.Name, t)));
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class GoldJson : System.Text.Json.Serialization.JsonSerializerContext;
