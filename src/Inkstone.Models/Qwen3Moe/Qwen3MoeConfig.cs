using Inkstone.Formats;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>config.json of <c>model_type: qwen3_moe</c>, with the defaults that transformers has.</summary>
public sealed record Qwen3MoeConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int NumKeyValueHeads,
    int HeadDim,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    int?[] Windows,
    int NumExperts,
    int NumExpertsPerTok,
    int MoeIntermediateSize,
    bool NormTopkProb,
    bool[] Sparse,
    bool OutputRouterLogits,
    double RouterAuxLossCoef)
{
    /// <summary>Reads and checks.</summary>
    public static Qwen3MoeConfig From(HfConfig c)
    {
        int hidden = c.Int("hidden_size"), layers = c.Int("num_hidden_layers"), heads = c.Int("num_attention_heads");
        ConfigCheck.Positive(c, ("hidden_size", hidden), ("num_hidden_layers", layers), ("num_attention_heads", heads));
        // transformers 5 writes num_local_experts, hubs have num_experts
        Qwen3MoeConfig config = new(c.Int("vocab_size"), hidden, c.Int("intermediate_size", 6144), layers, heads, c.Int("num_key_value_heads", heads),
            c.Int("head_dim", hidden / heads), (float)c.Number("rms_norm_eps", 1e-6), c.Bool("attention_bias", false), c.Bool("tie_word_embeddings", false),
            SlidingWindow.From(c, layers), c.Int("num_experts", c.Int("num_local_experts", 128)), c.Int("num_experts_per_tok", 8), c.Int("moe_intermediate_size", 768),
            c.Bool("norm_topk_prob", false), SparseLayers(c, layers), c.Bool("output_router_logits", false), c.Number("router_aux_loss_coef", 0.001));
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize), ("num_key_value_heads", config.NumKeyValueHeads),
            ("head_dim", config.HeadDim), ("num_experts", config.NumExperts), ("num_experts_per_tok", config.NumExpertsPerTok), ("moe_intermediate_size", config.MoeIntermediateSize));
        ConfigCheck.AtMost(c, "num_experts_per_tok", config.NumExpertsPerTok, "num_experts", config.NumExperts);
        ConfigCheck.Multiple(c, "num_attention_heads", heads, "num_key_value_heads", config.NumKeyValueHeads);
        ConfigCheck.Even(c, "head_dim", config.HeadDim);
        ConfigCheck.Silu(c);
        return config;
    }

    private static bool[] SparseLayers(HfConfig c, int layers)
    {
        int step = c.Int("decoder_sparse_step", 1);
        ConfigCheck.Positive(c, ("decoder_sparse_step", step));
        int[] dense = c.Ints("mlp_only_layers");
        return [.. Enumerable.Range(0, layers).Select(i => !dense.Contains(i) && (i + 1) % step == 0)];
    }
}
