using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// SentencePiece's BPE (tokenizer.ggml.model "llama"): GGUF holds a score per token where tokenizer.json holds merges in order. Of two
/// neighbours the pair whose
/// union has the highest score is merged first, so sorting all pairs of tokens that make a token by its score gives the merges.
/// </summary>
internal static class SentencePieces
{
    private const string Prefix = GgufTokenizer.Prefix;

    public static JsonObject Tokenizer(GgufMetadata m, string[] tokens, int[] types)
    {
        float[] scores =
            m.Floats(Prefix + "scores")
            ?? throw new InvalidDataException($"{m.Source} has no \"{Prefix}scores\"; its tokenizer cannot be read.");
        if (scores.Length != tokens.Length)
        {
            throw new InvalidDataException($"{m.Source}: {tokens.Length} tokens have {scores.Length} scores.");
        }
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++)
        {
            if (types[id] != GgufTokenizer.Unused)
            {
                ids.TryAdd(tokens[id], id);
            }
        }
        List<(float Score, int Token, int Left, int Right)> merges = [];
        for (int id = 0; id < tokens.Length; id++)
        {
            string token = tokens[id];
            for (int cut = 1; types[id] == GgufTokenizer.Normal && cut < token.Length; cut++)
            {
                if (ids.TryGetValue(token[..cut], out int left) && ids.TryGetValue(token[cut..], out int right))
                {
                    merges.Add((scores[id], id, left, right));
                }
            }
        }
        merges.Sort((a, b) => (-a.Score, a.Token, a.Left, a.Right).CompareTo((-b.Score, b.Token, b.Left, b.Right)));
        bool prefixSpace = m.Bool(Prefix + "add_space_prefix", true);
        JsonObject spaces = new()
        {
            ["type"] = "Replace",
            ["pattern"] = new JsonObject { ["String"] = " " },
            ["content"] = "▁",
        };
        JsonArray decoders =
        [
            (JsonNode)
                new JsonObject
                {
                    ["type"] = "Replace",
                    ["pattern"] = new JsonObject { ["String"] = "▁" },
                    ["content"] = " ",
                },
            (JsonNode)new JsonObject { ["type"] = "ByteFallback" },
            (JsonNode)new JsonObject { ["type"] = "Fuse" },
        ];
        if (prefixSpace)
        {
            decoders.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["type"] = "Strip",
                        ["content"] = " ",
                        ["start"] = 1,
                        ["stop"] = 0,
                    }
            );
        }
        int unknown = m.Int(Prefix + "unknown_token_id") ?? 0;
        return new JsonObject
        {
            ["normalizer"] = prefixSpace
                ? new JsonObject
                {
                    ["type"] = "Sequence",
                    ["normalizers"] = new JsonArray(new JsonObject { ["type"] = "Prepend", ["prepend"] = "▁" }, spaces),
                }
                : spaces,
            ["pre_tokenizer"] = null,
            ["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = decoders },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = (uint)unknown < (uint)tokens.Length ? tokens[unknown] : null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = GgufTokenizer.Vocabulary(tokens, types),
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)new JsonArray(tokens[merge.Left], tokens[merge.Right]))]),
            },
        };
    }
}
