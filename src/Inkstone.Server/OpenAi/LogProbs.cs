using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Server;

/// <summary>Log-probabilities in the two shapes of OpenAI's API.</summary>
internal static class LogProbs
{
    /// <summary>The least that is told: OpenAI's word for "practically never", and a number that JSON can hold.</summary>
    private const float Least = -9999;

    /// <summary>Of chat/completions.</summary>
    public static JsonObject Chat(Tokenizer tokenizer, IReadOnlyList<GenerationOutput> tokens) =>
        new()
        {
            ["content"] = Wire.Array(
                tokens.Select(
                    JsonNode (t) =>
                    {
                        JsonObject entry = Entry(tokenizer, t.Id, t.LogProb);
                        entry["top_logprobs"] = Wire.Array(t.Top.Select(JsonNode (top) => Entry(tokenizer, top.Id, top.LogProb)));
                        return entry;
                    }
                )
            ),
            ["refusal"] = null,
        };

    /// <summary>Of completions: four lists side by side.</summary>
    public static JsonObject Completion(Tokenizer tokenizer, IReadOnlyList<GenerationOutput> tokens, int offset)
    {
        JsonArray texts = [],
            logs = [],
            tops = [],
            offsets = [];
        foreach (GenerationOutput t in tokens)
        {
            string text = tokenizer.Decode([t.Id]);
            texts.Add((JsonNode)text);
            logs.Add(float.IsNaN(t.LogProb) ? null : (JsonNode)Told(t.LogProb));
            JsonObject top = [];
            foreach (TokenLogProb each in t.Top)
            {
                top[tokenizer.Decode([each.Id])] = Told(each.LogProb);
            }
            tops.Add((JsonNode)top);
            offsets.Add((JsonNode)offset);
            offset += text.Length;
        }
        return new JsonObject
        {
            ["tokens"] = texts,
            ["token_logprobs"] = logs,
            ["top_logprobs"] = tops,
            ["text_offset"] = offsets,
        };
    }

    public static JsonObject Entry(Tokenizer tokenizer, int id, float logProb) =>
        new()
        {
            ["id"] = id,
            ["token"] = tokenizer.Exists(id) ? tokenizer.Decode([id]) : "",
            ["logprob"] = Told(logProb),
            ["bytes"] = tokenizer.Exists(id) ? Wire.Array(tokenizer.TokenBytes(id).ToArray().Select(b => (JsonNode)(int)b)) : [],
        };

    private static float Told(float logProb) => float.IsFinite(logProb) ? Math.Clamp(logProb, Least, 0) : Least;
}
