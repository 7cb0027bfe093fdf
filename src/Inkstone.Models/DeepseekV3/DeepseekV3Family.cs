namespace Inkstone.Models.DeepseekV3;

/// <summary>DeepSeek-V3 and its relatives with the same block.</summary>
internal static class DeepseekV3Family
{
    /// <summary>What hubs write and transformers does not read; the balance loss of training has a key of its own here.</summary>
    private static readonly string[] Unread =
    [
        "aux_loss_alpha",
        "topk_method",
        "moe_layer_freq",
        "seq_aux",
        "ep_size",
        "num_experts",
        "num_local_experts",
        "head_dim",
        "output_router_logits",
        "router_aux_loss_coef",
    ];

    /// <summary><c>deepseek_v3</c>. Prediction modules in checkpoints repeat embedding and head.</summary>
    public static ModelFamily DeepseekV3 { get; } =
        new("deepseek_v3", DeepseekV3Model.Build, Keys)
        {
            Harmless = Unread,
            IsRedundant = IsShared,
            Gguf = DeepseekV3Gguf.DeepseekV3,
        };

    /// <summary><c>kimi_k2</c>: DeepSeek-V3 to the bit.</summary>
    public static ModelFamily KimiK2 { get; } = DeepseekV3 with { ModelType = "kimi_k2", Gguf = DeepseekV3Gguf.KimiK2 };

    /// <summary><c>deepseek_v2</c> (arXiv:2405.04434).</summary>
    public static ModelFamily DeepseekV2 { get; } =
        new("deepseek_v2", (config, root) => DeepseekV3Model.Build(config, root, DeepseekV3Config.V2(config)), [.. Keys, "topk_method"])
        {
            Harmless = [.. Unread.Where(key => key != "topk_method")],
            Gguf = DeepseekV3Gguf.DeepseekV2,
        };

    private static string[] Keys =>
        [
            "attention_bias",
            "q_lora_rank",
            "kv_lora_rank",
            "qk_nope_head_dim",
            "qk_rope_head_dim",
            "v_head_dim",
            "rope_interleave",
            "scoring_func",
            "n_routed_experts",
            "n_shared_experts",
            "n_group",
            "topk_group",
            "first_k_dense_replace",
            "routed_scaling_factor",
            "num_experts_per_tok",
            "moe_intermediate_size",
            "norm_topk_prob",
            "num_nextn_predict_layers",
            "sequence_balance_loss_weight",
            "mtp_loss_weight",
            "mtp_dense_block",
            "router_bias_update_rate",
        ];

    private static bool IsShared(string name) =>
        name.StartsWith("model.layers.", StringComparison.Ordinal)
        && (
            name.EndsWith(".shared_head.head.weight", StringComparison.Ordinal)
            || name.EndsWith(".embed_tokens.weight", StringComparison.Ordinal)
        );
}
