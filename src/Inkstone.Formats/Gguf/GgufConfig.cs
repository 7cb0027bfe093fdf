using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>From a GGUF file's hyperparameters to config.json with Hugging Face's keys.</summary>
public static class GgufConfig
{
    /// <summary>general.architecture and model_type.</summary>
    internal static readonly (string Architecture, string ModelType)[] Families =
    [
        ("llama", "llama"),
        ("qwen2", "qwen2"),
        ("qwen3", "qwen3"),
        ("qwen3moe", "qwen3_moe"),
    ];

    /// <summary>Llama 3.1's factors of frequencies, one per pair of dimensions.</summary>
    internal const string FrequencyFactors = "rope_freqs.weight";

    internal static JsonObject Read(GgufFile file)
    {
        GgufMetadata m = file.Metadata;
        string architecture = m.Text("general.architecture") ?? throw new InvalidDataException($"{m.Source} has no \"general.architecture\"; a GGUF model names it.");
        (string Architecture, string ModelType) family = Families.FirstOrDefault(f => f.Architecture == architecture);
        if (family.ModelType is null)
        {
            throw new InvalidDataException($"{m.Source}: the architecture \"{architecture}\" is not known here; known are {string.Join(", ", Families.Select(f => f.Architecture))}.");
        }
        int Required(string key) => m.Int($"{architecture}.{key}") ?? throw new InvalidDataException($"{m.Source} has no \"{architecture}.{key}\"; the model cannot be built without it.");
        int heads = Required("attention.head_count"), hidden = Required("embedding_length");
        int keyHeads = m.Int($"{architecture}.attention.head_count_kv") ?? heads;
        if (heads <= 0 || hidden <= 0 || keyHeads <= 0)
        {
            throw new InvalidDataException($"{m.Source}: {architecture}.attention.head_count, head_count_kv and embedding_length must be above 0, they are {heads}, {keyHeads} and {hidden}.");
        }
        if (architecture == "llama" && m.Int("llama.expert_count") is > 0)
        {
            throw new InvalidDataException($"{m.Source}: a llama with experts is not known here; qwen3moe is.");
        }
        int headDim = m.Int($"{architecture}.attention.key_length") ?? hidden / heads;
        Refuse(m, architecture, headDim);
        JsonObject json = new()
        {
            ["architectures"] = new JsonArray(HfConfig.ClassOf(family.ModelType)),
            ["model_type"] = family.ModelType,
            ["vocab_size"] = Vocabulary(file),
            ["hidden_size"] = hidden,
            ["intermediate_size"] = m.Int($"{architecture}.feed_forward_length") ?? Required("expert_feed_forward_length"),
            ["num_hidden_layers"] = Required("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keyHeads,
            ["head_dim"] = headDim,
            ["hidden_act"] = "silu",
            ["max_position_embeddings"] = Required("context_length"),
            ["rms_norm_eps"] = m.Number($"{architecture}.attention.layer_norm_rms_epsilon")
                ?? throw new InvalidDataException($"{m.Source} has no \"{architecture}.attention.layer_norm_rms_epsilon\"; the model cannot be built without it."),
            ["rope_theta"] = m.Number($"{architecture}.rope.freq_base") ?? 10_000,
            ["tie_word_embeddings"] = !file.Contains("output.weight"),
            ["torch_dtype"] = "float32",
        };
        if (RopeScaling(file, architecture, headDim) is { } scaling)
        {
            json["rope_scaling"] = scaling;
        }
        if (architecture == "llama")
        {
            json["attention_bias"] = file.Contains("blk.0.attn_q.bias");
            json["mlp_bias"] = file.Contains("blk.0.ffn_up.bias");
        }
        if (architecture == "qwen3moe")
        {
            (json["num_experts"], json["num_experts_per_tok"], json["moe_intermediate_size"]) = (Required("expert_count"), Required("expert_used_count"), Required("expert_feed_forward_length"));
            (json["norm_topk_prob"], json["decoder_sparse_step"], json["mlp_only_layers"]) = (true, 1, new JsonArray());
        }
        AddTokenIds(m, json);
        return json;
    }

    /// <summary>Adds the special ids of a file's tokenizer; several ids may end a text.</summary>
    public static void AddTokenIds(GgufMetadata m, JsonObject json)
    {
        json["bos_token_id"] = m.Int("tokenizer.ggml.bos_token_id");
        int[] ends = [.. new[] { m.Int("tokenizer.ggml.eos_token_id"), m.Int("tokenizer.ggml.eot_token_id"), m.Int("tokenizer.ggml.eom_token_id") }.OfType<int>().Distinct()];
        json["eos_token_id"] = ends.Length switch { 0 => null, 1 => ends[0], _ => new JsonArray([.. ends.Select(id => JsonValue.Create(id))]) };
        json["pad_token_id"] = m.Int("tokenizer.ggml.padding_token_id");
    }

    private static long Vocabulary(GgufFile file) => file.Tensor("token_embd.weight") is { Shape.Length: 2 } table ? table.Shape[0]
        : throw new InvalidDataException($"{file.Path}: token_embd.weight must have two dimensions.");

    /// <summary>What llama.cpp heeds or refuses, and what would be another model here.</summary>
    private static void Refuse(GgufMetadata m, string architecture, int headDim)
    {
        string turned = $"{architecture}.rope.dimension_count";
        if (m.Int(turned) is { } dimensions && dimensions != headDim)
        {
            throw new InvalidDataException($"{m.Source}: {turned} is {dimensions}, but heads have {headDim} dimensions; positions that turn a part of a head are not known for {architecture}.");
        }
        if (!m.Bool($"{architecture}.attention.causal", true))
        {
            throw new InvalidDataException($"{m.Source}: {architecture}.attention.causal is false: a model that sees what follows writes no text.");
        }
        if (m.Int("split.count") is > 1 and var parts)
        {
            throw new InvalidDataException($"{m.Source} is one of {parts} parts of a model; join them first: llama-gguf-split --merge FIRST-PART OUT.");
        }
    }

    private static JsonObject? RopeScaling(GgufFile file, string architecture, int headDim)
    {
        GgufMetadata m = file.Metadata;
        string prefix = $"{architecture}.rope.scaling.";
        int? original = m.Int(prefix + "original_context_length");
        if (file.Contains(FrequencyFactors))
        {
            return Llama3(file, m.Number($"{architecture}.rope.freq_base") ?? 10_000, headDim, original ?? 8192);
        }
        // Files from before rope.scaling have the factor as scale_linear; a factor without a type is linear, as in llama.cpp.
        string type = m.Text(prefix + "type") ?? "linear";
        double? factor = m.Number(prefix + "factor") ?? m.Number($"{architecture}.rope.scale_linear");
        JsonObject? scaling = type switch
        {
            "none" => null,
            "linear" when factor is null or 0 or 1 => null,
            "linear" => new JsonObject { ["rope_type"] = "linear", ["factor"] = factor },
            "yarn" => new JsonObject { ["rope_type"] = "yarn", ["factor"] = factor ?? 1, ["original_max_position_embeddings"] = original },
            _ => throw new InvalidDataException($"{m.Source}: {prefix}type \"{type}\" is not known here; known are none, linear and yarn."),
        };
        if (scaling is not null && type == "yarn" && original is null)
        {
            scaling.Remove("original_max_position_embeddings");
        }
        return scaling;
    }

    /// <summary>GGUF stores the factors that Llama 3.1's rule gives, not the rule: its numbers are looked for and have to give the same factors.</summary>
    private static JsonObject Llama3(GgufFile file, double theta, int headDim, int original)
    {
        float[] stored = new float[file.Tensor(FrequencyFactors).Count];
        file.Read(FrequencyFactors, stored);
        double factor = stored.Length == headDim / 2 ? stored.Max() : 0;
        double[] expected = LlamaFrequencies.Factors(theta, headDim, factor, 1, 4, original);
        for (int i = 0; i < stored.Length; i++)
        {
            if (i >= expected.Length || Math.Abs(stored[i] - expected[i]) > 1e-4 * expected[i])
            {
                throw new InvalidDataException($"{file.Path}: {FrequencyFactors} does not follow Llama 3's rule with low_freq_factor 1, high_freq_factor 4 and {original} original positions.");
            }
        }
        return new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = factor,
            ["low_freq_factor"] = 1.0,
            ["high_freq_factor"] = 4.0,
            ["original_max_position_embeddings"] = original,
        };
    }
}
