using Inkstone.Formats;

namespace Inkstone.Models.Qwen3Next;

/// <summary>config.json of <c>model_type: qwen3_next</c>, with the defaults that transformers has. Linear: per layer whether it is a gated
/// delta net.</summary>
internal sealed record Qwen3NextConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec Attention,
    DeltaSpec Delta,
    int RotaryDim,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    bool[] Linear,
    int NumExperts,
    int NumExpertsPerTok,
    int MoeIntermediateSize,
    int SharedExpertIntermediateSize,
    bool NormTopkProb,
    bool[] Sparse,
    double? RouterAuxLoss
)
{
    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Linear.Length;

    /// <summary>Reads and checks.</summary>
    /// <param name="c">config.json</param>
    /// <param name="sparse">whether all layers have experts, whose weights always sum to 1, or none (Qwen3.5); null: as the keys
    /// say</param>
    /// <param name="indexed">whether full attention may be called indexed (Qwen4)</param>
    public static Qwen3NextConfig From(HfConfig c, bool? sparse = null, bool indexed = false)
    {
        int layers = c.Int("num_hidden_layers");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers));
        AttentionSpec attention = ConfigCheck.Attention(c, absentKeyValueHeads: 2, absentHeadDim: 256);
        DeltaSpec delta = new(
            c.Int("linear_num_key_heads", 16),
            c.Int("linear_num_value_heads", 32),
            c.Int("linear_key_head_dim", 128),
            c.Int("linear_value_head_dim", 128),
            c.Int("linear_conv_kernel_dim", 4)
        );
        int experts = sparse == false ? 0 : ExpertConfig.Experts(c, 512);
        Qwen3NextConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size", 5632),
            attention,
            delta,
            Rotary.PartialDim(c, attention.HeadDim, 0.25),
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            c.Bool("tie_word_embeddings", false),
            LinearLayers(c, layers, indexed),
            experts,
            c.Int("num_experts_per_tok", 10),
            c.Int("moe_intermediate_size", 512),
            c.Int("shared_expert_intermediate_size", 512),
            sparse == true || c.Bool("norm_topk_prob", true),
            sparse == true ? [.. Enumerable.Repeat(true, layers)]
                : experts > 0 ? ExpertConfig.SparseLayers(c, layers)
                : new bool[layers],
            ExpertConfig.AuxLoss(c)
        );
        config.Validate(c);
        return config;
    }

    private void Validate(HfConfig c)
    {
        ConfigCheck.Positive(
            c,
            ("vocab_size", VocabSize),
            ("intermediate_size", IntermediateSize),
            ("linear_conv_kernel_dim", Delta.Kernel),
            ("linear_key_head_dim", Delta.KeyDim),
            ("linear_value_head_dim", Delta.ValueDim),
            ("linear_num_key_heads", Delta.KeyHeads),
            ("linear_num_value_heads", Delta.ValueHeads)
        );
        ConfigCheck.RequireMultiple(c, "linear_num_value_heads", Delta.ValueHeads, "linear_num_key_heads", Delta.KeyHeads);
        if (Sparse.Contains(true))
        {
            ConfigCheck.Positive(
                c,
                ("num_experts_per_tok", NumExpertsPerTok),
                ("moe_intermediate_size", MoeIntermediateSize),
                ("shared_expert_intermediate_size", SharedExpertIntermediateSize)
            );
            ConfigCheck.AtMost(c, "num_experts_per_tok", NumExpertsPerTok, "num_experts", NumExperts);
        }
        ConfigCheck.Silu(c);
    }

    /// <summary>Per layer whether it is a gated delta net: as layer_types says, else all but every full_attention_interval-th.</summary>
    private static bool[] LinearLayers(HfConfig c, int layers, bool indexed)
    {
        string[] types = SlidingWindow.LayerTypes(
            c,
            layers,
            indexed ? ["linear_attention", "full_attention", "indexed_attention"] : ["linear_attention", "full_attention"]
        );
        int interval = c.Int("full_attention_interval", 4);
        ConfigCheck.Positive(c, ("full_attention_interval", interval));
        return [.. Enumerable.Range(0, layers).Select(i => types.Length > 0 ? types[i] == "linear_attention" : (i + 1) % interval != 0)];
    }
}
