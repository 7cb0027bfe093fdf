using System.Text.Json;

namespace Inkstone.Evaluation;

/// <summary>What an answer is by MicroLM's rules.</summary>
/// <param name="Parses">it is JSON</param>
/// <param name="Missing">required fields that are absent</param>
/// <param name="Extra">nested fields that are not allowed, once for each entity</param>
/// <param name="Strict">nothing is missing or extra, and values of nested fields are allowed ones</param>
internal sealed record MicroLmScore(bool Parses, int Missing, int Extra, bool Strict);

/// <summary>
/// The rules by which MicroLM published its table, as they are: fields are the keys of objects one level down, and keys of the top level
/// whose value is no object. A top level that is a list has no
/// fields, what is missing there is all, and nothing in it is extra; keys of a flat object are never extra; types are not looked at; what
/// does not parse has nothing extra.
/// </summary>
internal static class MicroLmRules
{
    /// <summary>Scores an answer.</summary>
    /// <param name="prompt">what was asked</param>
    /// <param name="answer">the text that the model wrote</param>
    public static MicroLmScore Score(StructuredPrompt prompt, string answer)
    {
        if (AnswerText.Parse(answer) is not { } json || json.ValueKind == JsonValueKind.Null)
        {
            return new MicroLmScore(AnswerText.Parse(answer) is not null, prompt.Required.Count, 0, false);
        }
        if (json.ValueKind != JsonValueKind.Object)
        {
            return new MicroLmScore(true, prompt.Required.Count, 0, false);
        }
        HashSet<string> found = new(StringComparer.Ordinal);
        int extra = 0;
        bool values = true;
        foreach ((string key, JsonElement value) in Members(json))
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                found.Add(key);
                continue;
            }
            foreach ((string field, JsonElement of) in Members(value))
            {
                found.Add(field);
                extra += prompt.Allowed.Contains(field) ? 0 : 1;
                values &=
                    !prompt.Enums.TryGetValue(field, out IReadOnlyList<string>? allowed)
                    || All(of).All(v => v.ValueKind == JsonValueKind.String && allowed.Contains(AnswerText.Text(v)));
            }
        }
        int missing = prompt.Required.Count(f => !found.Contains(f));
        return new MicroLmScore(true, missing, extra, missing == 0 && extra == 0 && values);
    }

    /// <summary>Members of an object; of a name that comes twice the last.</summary>
    internal static IEnumerable<KeyValuePair<string, JsonElement>> Members(JsonElement json)
    {
        OrderedDictionary<string, JsonElement> members = new(StringComparer.Ordinal);
        foreach (JsonProperty member in json.EnumerateObject())
        {
            members[member.Name] = member.Value;
        }
        return members;
    }

    /// <summary>A text is one value, a list several; anything else is not looked at.</summary>
    private static IEnumerable<JsonElement> All(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => [value],
            JsonValueKind.Array => value.EnumerateArray(),
            _ => [],
        };
}
