using Inkstone.Models.DeepseekV3;

namespace Inkstone.Models.DeepseekV4;

/// <summary>DeepSeek-V4: several residual streams, attention to a window and to entries that stand for groups of tokens, experts chosen by
/// scores or by the token alone.</summary>
internal static class DeepseekV4Family
{
    /// <summary><c>deepseek_v4</c>. Published names are those of the model; transformers' are read too.</summary>
    public static ModelFamily DeepseekV4 { get; } =
        new(
            "deepseek_v4",
            DeepseekV4Model.Build,
            [
                "layer_types",
                "compress_ratios",
                "compress_rates",
                "compress_rate_csa",
                "compress_rate_hca",
                "mlp_layer_types",
                "num_hash_layers",
                "partial_rotary_factor",
                "qk_rope_head_dim",
                "compress_rope_theta",
                "hc_mult",
                "hc_sinkhorn_iters",
                "hc_eps",
                "sliding_window",
                "q_lora_rank",
                "o_groups",
                "o_lora_rank",
                "index_n_heads",
                "index_head_dim",
                "index_topk",
                "indexer_loss",
                "swiglu_limit",
                "scoring_func",
                "routed_scaling_factor",
                "n_routed_experts",
                "num_local_experts",
                "num_experts_per_tok",
                "moe_intermediate_size",
                "output_router_logits",
                "router_aux_loss_coef",
                "num_nextn_predict_layers",
                "mtp_loss_weight",
                "router_bias_update_rate",
            ]
        )
        {
            // Measured: transformers computes the same whatever they say.
            Harmless =
            [
                "n_shared_experts",
                "norm_topk_prob",
                "attention_bias",
                "router_jitter_noise",
                "topk_method",
                "aux_loss_alpha",
                "seq_aux",
                "moe_layer_freq",
                "ep_size",
                "first_k_dense_replace",
                "kv_lora_rank",
                "qk_nope_head_dim",
                "v_head_dim",
            ],
            PublishedName = DeepseekV4Names.Published,
            IsRedundant = DeepseekV4Names.IsShared,
        };
}
