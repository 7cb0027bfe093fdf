namespace Inkstone.Formats;

/// <summary>From config.json to what llama.cpp needs to know of a model.</summary>
internal static class GgufHyperparameters
{
    /// <summary>Adds the pairs, and returns the tensors that positions need; says what llama.cpp does otherwise.</summary>
    public static IReadOnlyList<(string Name, float[] Values)> Write(
        HfConfig config,
        GgufArchitecture architecture,
        GgufMetadata m,
        Action<string> warn
    )
    {
        GgufKeys keys = new(architecture.Name, m);
        int headDim = architecture.HeadDim(config);
        architecture.Assume(
            config,
            architecture.Activation.Key,
            IsActivation(config, architecture),
            $"the activation {architecture.Activation.Name}"
        );
        keys.Set("block_count", config.Int("num_hidden_layers"));
        keys.Set("context_length", config.Int("max_position_embeddings", 2048));
        keys.Set("embedding_length", config.Int("hidden_size"));
        keys.Set("feed_forward_length", config.Int("intermediate_size"));
        keys.Set("vocab_size", config.Int("vocab_size"));
        keys.Set("attention.head_count", config.Int("num_attention_heads"));
        keys.Set("attention.head_count_kv", architecture.KeyValueHeads(config));
        keys.Set("attention.key_length", headDim);
        keys.Set("attention.value_length", headDim);
        keys.Set("rope.dimension_count", architecture.RotaryDim(config, headDim));
        keys.Set(architecture.Eps.Name, config.Number(architecture.Eps.Key, architecture.Absent.Eps));
        IReadOnlyList<(string, float[])> tensors = GgufRope.Write(config, architecture, keys, warn);
        architecture.Write(architecture, config, keys);
        return tensors;
    }

    private static bool IsActivation(HfConfig config, GgufArchitecture architecture)
    {
        string name = config.Text(architecture.Activation.Key, architecture.Activation.Name);
        return name == architecture.Activation.Name
            || (name, architecture.Activation.Name) is ("swish", "silu") or ("gelu_new", "gelu_pytorch_tanh");
    }
}
