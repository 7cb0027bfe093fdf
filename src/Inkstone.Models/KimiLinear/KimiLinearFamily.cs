namespace Inkstone.Models.KimiLinear;

/// <summary>Kimi Linear: three layers of KDA to one of latent attention without positions, sparse experts with a shared one.</summary>
internal static class KimiLinearFamily
{
    /// <summary><c>kimi_linear</c>. transformers keeps the head apart whatever tie_word_embeddings says, and writes dense layers under the
    /// name of the sparse ones.</summary>
    public static ModelFamily KimiLinear { get; } =
        new(
            "kimi_linear",
            (config, root) => new KimiLinearModel(config, root, KimiLinearConfig.From(config)),
            [
                "layer_types",
                "mlp_layer_types",
                "linear_attn_config",
                "linear_num_heads",
                "linear_head_dim",
                "linear_conv_kernel_dim",
                "q_lora_rank",
                "kv_lora_rank",
                "qk_nope_head_dim",
                "qk_rope_head_dim",
                "v_head_dim",
                "num_experts",
                "num_local_experts",
                "num_experts_per_token",
                "num_experts_per_tok",
                "num_shared_experts",
                "num_expert_group",
                "topk_group",
                "moe_renormalize",
                "moe_router_activation_func",
                "moe_layer_freq",
                "moe_intermediate_size",
                "routed_scaling_factor",
                "first_k_dense_replace",
                "mla_use_nope",
                "model_max_length",
                "router_bias_update_rate",
            ]
        )
        {
            Harmless = ["attention_bias", "use_grouped_topk", "output_router_logits", "router_aux_loss_coef", "qk_head_dim"],
            PublishedName = Published,
        };

    private static string Published(string name) =>
        name.Contains(".block_sparse_moe.", StringComparison.Ordinal)
        && name.Split('.') is [.., "block_sparse_moe", "gate_proj" or "up_proj" or "down_proj", "weight"]
            ? name.Replace(".block_sparse_moe.", ".mlp.", StringComparison.Ordinal)
            : name;
}
