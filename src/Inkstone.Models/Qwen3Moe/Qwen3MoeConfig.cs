using Inkstone.Formats;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>config.json of <c>model_type: qwen3_moe</c>, with the defaults that transformers has. Attention and Sparse: per
/// layer.</summary>
internal sealed record Qwen3MoeConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec[] Attention,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    int NumExperts,
    int NumExpertsPerTok,
    int MoeIntermediateSize,
    bool NormTopkProb,
    bool[] Sparse,
    double? RouterAuxLoss
)
{
    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Attention.Length;

    /// <summary>Reads and checks.</summary>
    public static Qwen3MoeConfig From(HfConfig c)
    {
        AttentionSpec[] attention = SlidingWindow.OfLayers(c, ConfigCheck.Attention(c), everywhere: true);
        Qwen3MoeConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size", 6144),
            attention,
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            c.Bool("tie_word_embeddings", false),
            ExpertConfig.Experts(c, 128),
            c.Int("num_experts_per_tok", 8),
            c.Int("moe_intermediate_size", 768),
            c.Bool("norm_topk_prob", false),
            ExpertConfig.SparseLayers(c, attention.Length),
            ExpertConfig.AuxLoss(c)
        );
        ConfigCheck.Positive(
            c,
            ("vocab_size", config.VocabSize),
            ("intermediate_size", config.IntermediateSize),
            ("num_experts", config.NumExperts),
            ("num_experts_per_tok", config.NumExpertsPerTok),
            ("moe_intermediate_size", config.MoeIntermediateSize)
        );
        ConfigCheck.AtMost(c, "num_experts_per_tok", config.NumExpertsPerTok, "num_experts", config.NumExperts);
        ConfigCheck.Silu(c);
        return config;
    }
}
