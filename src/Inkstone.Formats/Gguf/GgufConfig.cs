using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>From a GGUF file's hyperparameters to config.json with Hugging Face's keys.</summary>
internal static class GgufConfig
{
    /// <summary>The architecture that a file names.</summary>
    internal static GgufArchitecture Architecture(GgufFile file, IReadOnlyList<GgufArchitecture> known)
    {
        GgufMetadata m = file.Metadata;
        string name =
            m.Text("general.architecture")
            ?? throw new InvalidDataException($"{m.Source} has no \"general.architecture\"; a GGUF model names it.");
        return known.FirstOrDefault(a => a.Name == name && a.Is(file, new GgufKeys(name, m)))
            ?? throw new InvalidDataException(
                $"{m.Source}: the architecture \"{name}\" is not known here; known are {string.Join(", ", known.Select(a => a.Name).Distinct())}."
            );
    }

    internal static JsonObject Read(GgufFile file, GgufArchitecture architecture)
    {
        GgufMetadata m = file.Metadata;
        GgufKeys keys = new(architecture.Name, m);
        int heads = keys.Required("attention.head_count"),
            hidden = keys.Required("embedding_length");
        int keyHeads = keys.Int("attention.head_count_kv") ?? heads;
        if (heads <= 0 || hidden <= 0 || keyHeads <= 0)
        {
            throw new InvalidDataException(
                $"{m.Source}: {architecture.Name}.attention.head_count, head_count_kv and embedding_length must be above 0, they are {heads}, {keyHeads} and {hidden}."
            );
        }
        int headDim = keys.Int("attention.key_length") ?? hidden / heads;
        JsonObject json = new()
        {
            ["architectures"] = new JsonArray(architecture.ClassName ?? HfConfig.ClassOf(architecture.ModelType)),
            ["model_type"] = architecture.ModelType,
            ["vocab_size"] = Vocabulary(file),
            ["hidden_size"] = hidden,
            ["intermediate_size"] = keys.Int("feed_forward_length") ?? keys.Required("expert_feed_forward_length"),
            ["num_hidden_layers"] = keys.Required("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keyHeads,
            ["head_dim"] = headDim,
            [architecture.Activation.Key] = architecture.Activation.Name,
            ["max_position_embeddings"] = keys.Required("context_length"),
            [architecture.Eps.Key] = keys.RequiredNumber(architecture.Eps.Name),
            ["rope_theta"] = keys.Number("rope.freq_base") ?? 10_000,
            ["tie_word_embeddings"] = !file.Contains("output.weight"),
            ["torch_dtype"] = "float32",
        };
        if (GgufRope.Read(file, architecture, keys, json, headDim) is { } scaling)
        {
            json["rope_scaling"] = scaling;
        }
        AddTokenIds(m, json);
        architecture.Read(file, keys, json);
        Refuse(m, architecture, json, headDim);
        return json;
    }

    /// <summary>What llama.cpp heeds or refuses, and what would be another model here.</summary>
    private static void Refuse(GgufMetadata m, GgufArchitecture architecture, JsonObject json, int headDim)
    {
        string turned = $"{architecture.Name}.rope.dimension_count";
        int expected = architecture.RotaryDim(HfConfig.Parse(json.ToJsonString(), m.Source), headDim);
        if (m.Int(turned) is { } dimensions && dimensions != expected)
        {
            throw new InvalidDataException(
                $"{m.Source}: {turned} is {dimensions}, but {architecture.Name} with heads of {headDim} dimensions turns {expected} of them here; another part is not known."
            );
        }
        if (!m.Bool($"{architecture.Name}.attention.causal", true))
        {
            throw new InvalidDataException(
                $"{m.Source}: {architecture.Name}.attention.causal is false: a model that sees what follows writes no text."
            );
        }
        if (m.Int("split.count") is > 1 and var parts)
        {
            throw new InvalidDataException(
                $"{m.Source} is one of {parts} parts of a model; join them first: llama-gguf-split --merge FIRST-PART OUT."
            );
        }
    }

    /// <summary>Adds the special ids of a file's tokenizer; several ids may end a text.</summary>
    public static void AddTokenIds(GgufMetadata m, JsonObject json)
    {
        json["bos_token_id"] = m.Int("tokenizer.ggml.bos_token_id");
        int[] ends =
        [
            .. new[] { m.Int("tokenizer.ggml.eos_token_id"), m.Int("tokenizer.ggml.eot_token_id"), m.Int("tokenizer.ggml.eom_token_id") }
                .OfType<int>()
                .Distinct(),
        ];
        json["eos_token_id"] = ends.Length switch
        {
            0 => null,
            1 => ends[0],
            _ => new JsonArray([.. ends.Select(id => JsonValue.Create(id))]),
        };
        json["pad_token_id"] = m.Int("tokenizer.ggml.padding_token_id");
    }

    private static long Vocabulary(GgufFile file) =>
        file.Tensor("token_embd.weight") is { Shape.Length: 2 } table
            ? table.Shape[0]
            : throw new InvalidDataException($"{file.Path}: token_embd.weight must have two dimensions.");
}
