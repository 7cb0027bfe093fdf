namespace Inkstone.Formats;

/// <summary>From config.json to what llama.cpp needs to know of a model.</summary>
internal static class GgufHyperparameters
{
    /// <summary>The architecture's name; an error names the families that GGUF files are written for.</summary>
    public static string Architecture(HfConfig config) => GgufConfig.Families.FirstOrDefault(f => f.ModelType == config.Text("model_type")).Architecture
        ?? throw new InvalidDataException($"{config.Source}: a model_type \"{config.Text("model_type")}\" cannot be written as GGUF; {string.Join(", ", GgufConfig.Families.Select(f => f.ModelType))} can.");

    public static int HeadDim(HfConfig config) => config.Int("head_dim", config.Int("hidden_size") / config.Int("num_attention_heads"));

    /// <summary>Adds the pairs, and returns the factors of frequencies where Llama 3.1's rule needs a tensor of them.</summary>
    public static float[]? Write(HfConfig config, GgufMetadata m)
    {
        string architecture = Architecture(config);
        void Number(string key, int value) => m.Add($"{architecture}.{key}", (uint)value);
        int heads = config.Int("num_attention_heads"), headDim = HeadDim(config);
        if (config.Bool("use_sliding_window", false))
        {
            throw new InvalidDataException($"{config.Source}: GGUF's {architecture} has no sliding window; set use_sliding_window to false.");
        }
        Number("block_count", config.Int("num_hidden_layers"));
        Number("context_length", config.Int("max_position_embeddings", 2048));
        Number("embedding_length", config.Int("hidden_size"));
        Number("feed_forward_length", config.Int("intermediate_size"));
        Number("vocab_size", config.Int("vocab_size"));
        Number("attention.head_count", heads);
        Number("attention.head_count_kv", config.Int("num_key_value_heads", heads));
        Number("attention.key_length", headDim);
        Number("attention.value_length", headDim);
        Number("rope.dimension_count", headDim);
        m.Add($"{architecture}.attention.layer_norm_rms_epsilon", (float)config.Number("rms_norm_eps", 1e-6));
        if (architecture == "qwen3moe")
        {
            Number("expert_count", config.Int("num_experts", config.Int("num_local_experts", 0)));
            Number("expert_used_count", config.Int("num_experts_per_tok"));
            Number("expert_feed_forward_length", config.Int("moe_intermediate_size"));
            if (!config.Bool("norm_topk_prob", false))
            {
                throw new InvalidDataException($"{config.Source}: llama.cpp's qwen3moe always norms the weights of the chosen experts; norm_topk_prob false cannot be written.");
            }
        }
        return Rope(config, architecture, headDim, m);
    }

    private static float[]? Rope(HfConfig config, string architecture, int headDim, GgufMetadata m)
    {
        HfConfig? rope = config.Object("rope_parameters") ?? config.Object("rope_scaling");
        double theta = rope is not null && rope.Has("rope_theta") ? rope.Number("rope_theta") : config.Number("rope_theta", 10_000);
        string type = rope is null ? "default" : rope.Text("rope_type", rope.Text("type", "default"));
        m.Add($"{architecture}.rope.freq_base", (float)theta);
        if (rope is null || type == "default")
        {
            return null;
        }
        int longest = config.Int("max_position_embeddings", 2048), original = rope.Int("original_max_position_embeddings", longest);
        string prefix = $"{architecture}.rope.scaling.";
        switch (type)
        {
            case "llama3":
                m.Add(prefix + "original_context_length", (uint)original);
                double[] factors = LlamaFrequencies.Factors(theta, headDim, rope.Number("factor"), rope.Number("low_freq_factor"), rope.Number("high_freq_factor"), original);
                return [.. factors.Select(f => (float)f)];
            case "linear" or "yarn":
                if (((string[])["attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"]).FirstOrDefault(rope.Has) is { } special)
                {
                    throw new InvalidDataException($"{rope.Source}: \"{special}\" cannot be written as GGUF; remove it if it has its default value.");
                }
                m.Add(prefix + "type", type);
                m.Add(prefix + "factor", (float)rope.Number("factor", (double)longest / original));
                m.Add(prefix + "original_context_length", (uint)original);
                return null;
            default:
                throw new InvalidDataException($"{rope.Source}: rope_type \"{type}\" cannot be written as GGUF; default, linear, llama3 and yarn can.");
        }
    }
}
