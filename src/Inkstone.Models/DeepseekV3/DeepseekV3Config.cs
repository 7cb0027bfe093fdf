using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>config.json of <c>model_type: deepseek_v3</c>, with the defaults that transformers has. <c>mtp_dense_block</c> is a key of our
/// own: prediction modules without experts.</summary>
internal sealed record DeepseekV3Config(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int? QLoraRank,
    int KvLoraRank,
    int QkNopeHeadDim,
    int QkRopeHeadDim,
    int VHeadDim,
    bool RopeInterleave,
    float SoftmaxScale,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    int FirstKDenseReplace,
    int NRoutedExperts,
    int NSharedExperts,
    int MoeIntermediateSize,
    RouterScoring Scoring,
    bool CorrectionBias,
    RoutingRule Routing,
    int NumNextnPredictLayers,
    bool MtpDenseBlock,
    DeepseekV3Objective Objective
)
{
    /// <summary>The indexer of each layer, or null.</summary>
    public IndexerSpec? Index { get; init; }

    /// <summary>Per layer whether it has experts, where mlp_layer_types says so; null: all from <see cref="FirstKDenseReplace"/>
    /// on.</summary>
    public bool[]? Sparse { get; init; }

    /// <summary>Whether a layer has experts.</summary>
    public bool IsSparse(int layer) => Sparse is { } sparse && layer < sparse.Length ? sparse[layer] : layer >= FirstKDenseReplace;

    /// <summary>Dimensions of a head of q and k.</summary>
    public int QkHeadDim => QkNopeHeadDim + QkRopeHeadDim;

    /// <summary>What a layer keeps of earlier tokens.</summary>
    public LatentSpec Latent => new(KvLoraRank, QkRopeHeadDim, Index?.HeadDim ?? 0);

    /// <summary>DeepSeek-V3 and Kimi K2: sigmoid scores, a correction bias, groups by the sum of their two best.</summary>
    public static DeepseekV3Config From(HfConfig c)
    {
        if (c.Text("scoring_func", "sigmoid") is not "sigmoid" and var scoring)
        {
            throw new InvalidDataException($"{c.Source}: scoring_func \"{scoring}\" is not known here; known is sigmoid.");
        }
        RoutingRule rule = new(
            c.Int("num_experts_per_tok", 8),
            c.Int("n_group", 8),
            c.Int("topk_group", 4),
            c.Bool("norm_topk_prob", true),
            (float)c.Number("routed_scaling_factor", 2.5)
        );
        return Read(c, rule, RouterScoring.Sigmoid, correctionBias: true, new Absent(128, 64, 3, 256, 1, 2048));
    }

    /// <summary>DeepSeek-V2: softmax scores that are scaled and never normed (transformers does not read norm_topk_prob), groups by their
    /// best.</summary>
    public static DeepseekV3Config V2(HfConfig c)
    {
        bool grouped = c.Text("topk_method", "greedy") switch
        {
            "greedy" => false,
            "group_limited_greedy" => true,
            string other => throw new InvalidDataException(
                $"{c.Source}: topk_method \"{other}\" is not known here; known are greedy and group_limited_greedy."
            ),
        };
        RoutingRule rule = new(
            c.Int("num_experts_per_tok", 6),
            grouped ? c.Int("n_group", 1) : 1,
            grouped ? c.Int("topk_group", 1) : 1,
            Normalise: false,
            (float)c.Number("routed_scaling_factor", 1),
            GroupByBest: true
        );
        return Read(c, rule, RouterScoring.Softmax, correctionBias: false, new Absent(128, 64, 0, 64, 2, 1407));
    }

    private readonly record struct Absent(int NopeDim, int RopeDim, int FirstDense, int Experts, int SharedExperts, int ExpertSize);

    private static DeepseekV3Config Read(HfConfig c, RoutingRule rule, RouterScoring scoring, bool correctionBias, Absent absent)
    {
        DeepseekV3Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            c.Int("num_attention_heads"),
            c.Has("q_lora_rank") ? c.Int("q_lora_rank") : null,
            c.Int("kv_lora_rank", 512),
            c.Int("qk_nope_head_dim", absent.NopeDim),
            c.Int("qk_rope_head_dim", absent.RopeDim),
            c.Int("v_head_dim", 128),
            c.Bool("rope_interleave", true),
            0,
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            c.Bool("tie_word_embeddings", false),
            c.Int("first_k_dense_replace", absent.FirstDense),
            c.Int("n_routed_experts", absent.Experts),
            c.Int("n_shared_experts", absent.SharedExperts),
            c.Int("moe_intermediate_size", absent.ExpertSize),
            scoring,
            correctionBias,
            rule,
            c.Int("num_nextn_predict_layers", 0),
            c.Bool("mtp_dense_block", false),
            new DeepseekV3Objective(
                c.Number("sequence_balance_loss_weight", 0),
                c.Number("mtp_loss_weight", 0.3),
                c.Number("router_bias_update_rate", 0.001)
            )
        );
        ConfigCheck.Positive(
            c,
            ("vocab_size", config.VocabSize),
            ("hidden_size", config.HiddenSize),
            ("intermediate_size", config.IntermediateSize),
            ("num_hidden_layers", config.NumHiddenLayers),
            ("num_attention_heads", config.NumAttentionHeads),
            ("q_lora_rank", config.QLoraRank ?? 1),
            ("kv_lora_rank", config.KvLoraRank),
            ("qk_nope_head_dim", config.QkNopeHeadDim),
            ("qk_rope_head_dim", config.QkRopeHeadDim),
            ("v_head_dim", config.VHeadDim),
            ("n_routed_experts", config.NRoutedExperts),
            ("moe_intermediate_size", config.MoeIntermediateSize),
            ("num_experts_per_tok", rule.TopK),
            ("n_group", rule.Groups),
            ("topk_group", rule.TopKGroups)
        );
        ConfigCheck.RequireMultiple(c, "n_routed_experts", config.NRoutedExperts, "n_group", rule.Groups);
        ConfigCheck.AtMost(c, "topk_group", rule.TopKGroups, "n_group", rule.Groups);
        ConfigCheck.AtMost(
            c,
            "num_experts_per_tok",
            rule.TopK,
            "the experts of topk_group groups",
            config.NRoutedExperts / rule.Groups * rule.TopKGroups
        );
        ConfigCheck.Even(c, "qk_rope_head_dim", config.QkRopeHeadDim);
        ConfigCheck.Silu(c);
        return config with { SoftmaxScale = Scale(c, config.QkHeadDim) };
    }

    /// <summary>1 / √D, and with stretched positions times the square of YaRN's magnitude where the config asks for it by
    /// mscale_all_dim.</summary>
    private static float Scale(HfConfig c, int headDim)
    {
        double scale = 1 / Math.Sqrt(headDim);
        if (
            (c.Object("rope_parameters") ?? c.Object("rope_scaling")) is { } rope
            && rope.Text("rope_type", rope.Text("type", "default")) != "default"
            && rope.Number("mscale_all_dim", 0) is not 0 and var mscale
        )
        {
            double magnitude = RotaryTable.YarnMagnitude(rope.Number("factor"), mscale);
            scale *= magnitude * magnitude;
        }
        return (float)scale;
    }
}

/// <summary>What pretraining aims at beside the next token, and how fast routers are balanced. Keys of their own in config.json, because
/// transformers has none.</summary>
/// <param name="SequenceBalance"><c>sequence_balance_loss_weight</c>: weight of the balance loss within each sequence, summed over sparse
/// layers; hubs' aux_loss_alpha is not read, as in transformers</param>
/// <param name="MultiTokenPrediction"><c>mtp_loss_weight</c>: weight of the mean loss of the prediction modules</param>
/// <param name="BiasRate"><c>router_bias_update_rate</c>: step of the correction bias after each optimizer step</param>
internal sealed record DeepseekV3Objective(double SequenceBalance, double MultiTokenPrediction, double BiasRate);
