using System.Text.Json;

namespace Inkstone.Server;

/// <summary>A text, tokens, both in turns, or a list of such: what <c>prompt</c>, <c>input</c> and <c>content</c> may be.</summary>
internal static class PromptFields
{
    /// <summary>The tokens of each prompt.</summary>
    /// <param name="f">the body</param>
    /// <param name="name">the member</param>
    /// <param name="model">whose tokenizer counts</param>
    /// <param name="most">most prompts</param>
    /// <param name="many">whether a list was given, so that a list is answered</param>
    public static List<int[]> Read(Fields f, string name, ServedModel model, int most, out bool many)
    {
        JsonElement value = f[name] ?? throw f.Missing(name);
        // A list that holds texts only, or lists, or objects holds prompts; one with a number in it is one prompt.
        many = value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind != JsonValueKind.Number);
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0)
        {
            throw f.Wrong(name, "a text or a list that is not empty");
        }
        JsonElement[] prompts = many ? [.. value.EnumerateArray()] : [value];
        return prompts.Length <= most
            ? [.. prompts.Select(prompt => One(f, name, prompt, model))]
            : throw ApiException.Bad(f.Path(name), $"{f.Path(name)} has {prompts.Length} entries; at most {most} are taken at once.");
    }

    private static int[] One(Fields f, string name, JsonElement prompt, ServedModel model)
    {
        List<int> ids = [];
        switch (prompt.ValueKind)
        {
            case JsonValueKind.String:
                ids.AddRange(model.Tokenizer.Encode(prompt.GetString()!));
                break;
            case JsonValueKind.Array:
                foreach (JsonElement part in prompt.EnumerateArray())
                {
                    if (part.ValueKind == JsonValueKind.String)
                    {
                        ids.AddRange(model.Tokenizer.Encode(part.GetString()!, addSpecialTokens: ids.Count == 0));
                    }
                    else
                    {
                        ids.Add(SamplingFields.Id(f, name, part, model.Tokenizer));
                    }
                }
                break;
            case JsonValueKind.Object:
                Fields whole = new(prompt, f.Path(name));
                string text =
                    whole.Text("prompt_string")
                    ?? (
                        whole["content"] is { ValueKind: JsonValueKind.Array }
                            ? MessageFields.Content(whole, "content", "")
                            : throw whole.Missing("prompt_string")
                    );
                ids.AddRange(model.Tokenizer.Encode(text));
                break;
            default:
                throw f.Wrong(name, "a text, token ids or a list of such", prompt);
        }
        // An empty text begins with the token that texts begin with.
        return ids.Count > 0 ? [.. ids] : [model.Tokenizer.BosId ?? model.Tokenizer.EosId ?? 0];
    }
}
