using Inkstone.Formats;

namespace Inkstone.Models.Qwen3Next;

/// <summary>config.json of <c>model_type: qwen3_next</c>, with the defaults that transformers has. Linear: per layer whether it is a gated delta net.</summary>
public sealed record Qwen3NextConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int NumKeyValueHeads,
    int HeadDim,
    double PartialRotaryFactor,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    bool[] Linear,
    int LinearConvKernelDim,
    int LinearKeyHeadDim,
    int LinearValueHeadDim,
    int LinearNumKeyHeads,
    int LinearNumValueHeads,
    int NumExperts,
    int NumExpertsPerTok,
    int MoeIntermediateSize,
    int SharedExpertIntermediateSize,
    bool NormTopkProb,
    bool[] Sparse,
    bool OutputRouterLogits,
    double RouterAuxLossCoef)
{
    /// <summary>Leading dimensions of a head that are rotated.</summary>
    public int RotaryDim => (int)(HeadDim * PartialRotaryFactor);

    /// <summary>Columns of queries and of keys of a linear layer.</summary>
    public int LinearKeyWidth => LinearNumKeyHeads * LinearKeyHeadDim;

    /// <summary>Columns of values of a linear layer.</summary>
    public int LinearValueWidth => LinearNumValueHeads * LinearValueHeadDim;

    /// <summary>Reads and checks.</summary>
    public static Qwen3NextConfig From(HfConfig c)
    {
        int layers = c.Int("num_hidden_layers"), heads = c.Int("num_attention_heads");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("num_attention_heads", heads));
        // partial_rotary_factor stands among rope_parameters since transformers 5
        double rotary = c.Object("rope_parameters") is { } rope && rope.Has("partial_rotary_factor") ? rope.Number("partial_rotary_factor") : c.Number("partial_rotary_factor", 0.25);
        Qwen3NextConfig config = new(c.Int("vocab_size"), c.Int("hidden_size"), c.Int("intermediate_size", 5632), layers, heads, c.Int("num_key_value_heads", 2),
            c.Int("head_dim", 256), rotary, (float)c.Number("rms_norm_eps", 1e-6), c.Bool("attention_bias", false), c.Bool("tie_word_embeddings", false), LinearLayers(c, layers),
            c.Int("linear_conv_kernel_dim", 4), c.Int("linear_key_head_dim", 128), c.Int("linear_value_head_dim", 128), c.Int("linear_num_key_heads", 16),
            c.Int("linear_num_value_heads", 32), c.Int("num_experts", c.Int("num_local_experts", 512)), c.Int("num_experts_per_tok", 10), c.Int("moe_intermediate_size", 512),
            c.Int("shared_expert_intermediate_size", 512), c.Bool("norm_topk_prob", true), [], c.Bool("output_router_logits", false), c.Number("router_aux_loss_coef", 0.001));
        config = config with { Sparse = SparseLayers(c, layers, config.NumExperts) };
        config.Validate(c);
        return config;
    }

    private void Validate(HfConfig c)
    {
        ConfigCheck.Positive(c, ("vocab_size", VocabSize), ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize), ("num_key_value_heads", NumKeyValueHeads),
            ("head_dim", HeadDim), ("linear_conv_kernel_dim", LinearConvKernelDim), ("linear_key_head_dim", LinearKeyHeadDim), ("linear_value_head_dim", LinearValueHeadDim),
            ("linear_num_key_heads", LinearNumKeyHeads), ("linear_num_value_heads", LinearNumValueHeads));
        ConfigCheck.Multiple(c, "num_attention_heads", NumAttentionHeads, "num_key_value_heads", NumKeyValueHeads);
        ConfigCheck.Multiple(c, "linear_num_value_heads", LinearNumValueHeads, "linear_num_key_heads", LinearNumKeyHeads);
        if (RotaryDim < 2 || RotaryDim > HeadDim || RotaryDim % 2 != 0)
        {
            throw new InvalidDataException($"{c.Source}: partial_rotary_factor {PartialRotaryFactor} rotates {RotaryDim} of {HeadDim} dimensions of a head; it must be an even number of them.");
        }
        if (Sparse.Contains(true))
        {
            ConfigCheck.Positive(c, ("num_experts_per_tok", NumExpertsPerTok), ("moe_intermediate_size", MoeIntermediateSize), ("shared_expert_intermediate_size", SharedExpertIntermediateSize));
            ConfigCheck.AtMost(c, "num_experts_per_tok", NumExpertsPerTok, "num_experts", NumExperts);
        }
        ConfigCheck.Silu(c);
    }

    private static bool[] LinearLayers(HfConfig c, int layers)
    {
        string[] types = c.Texts("layer_types");
        int interval = c.Int("full_attention_interval", 4);
        ConfigCheck.Positive(c, ("full_attention_interval", interval));
        if (types.Length == 0)
        {
            return [.. Enumerable.Range(0, layers).Select(i => (i + 1) % interval != 0)];
        }
        return types.Length == layers && types.All(type => type is "linear_attention" or "full_attention") ? [.. types.Select(type => type == "linear_attention")]
            : throw new InvalidDataException($"{c.Source}: layer_types must name linear_attention or full_attention for each of {layers} layers.");
    }

    private static bool[] SparseLayers(HfConfig c, int layers, int experts)
    {
        int step = c.Int("decoder_sparse_step", 1);
        ConfigCheck.Positive(c, ("decoder_sparse_step", step));
        int[] dense = c.Ints("mlp_only_layers");
        return [.. Enumerable.Range(0, layers).Select(i => experts > 0 && !dense.Contains(i) && (i + 1) % step == 0)];
    }
}
