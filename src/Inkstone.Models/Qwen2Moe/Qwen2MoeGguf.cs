using System.Text.Json.Nodes;
using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Qwen2Moe;

/// <summary>GGUF files of Qwen2's sparse models.</summary>
internal static class Qwen2MoeGguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "qwen2moe",
            "qwen2_moe",
            [
                .. GgufRules.Norms(),
                .. GgufRules.Attention(),
                .. GgufRules.QkvBiases(),
                .. GgufRules.Experts,
                .. GgufRules.SharedExpert("mlp.shared_expert"),
                Weight("ffn_gate_inp_shexp", "mlp.shared_expert_gate", GgufLayout.Vector),
            ]
        )
        {
            NeedsHead = true,
            Write = (a, c, keys) =>
            {
                GgufRules.AllSparse(a, c);
                a.Assume(
                    c,
                    "norm_topk_prob",
                    !c.Bool("norm_topk_prob", false),
                    "weights of experts as the router gives them; norm_topk_prob false"
                );
                keys.Set("expert_count", ExpertConfig.Experts(c, 60));
                keys.Set("expert_used_count", c.Int("num_experts_per_tok", 4));
                keys.Set("expert_feed_forward_length", c.Int("moe_intermediate_size", 1408));
                keys.Set("expert_shared_feed_forward_length", c.Int("shared_expert_intermediate_size", 5632));
            },
            Read = (file, keys, json) =>
            {
                (json["num_experts"], json["num_experts_per_tok"], json["moe_intermediate_size"]) = (
                    keys.Required("expert_count"),
                    keys.Required("expert_used_count"),
                    keys.Required("expert_feed_forward_length")
                );
                (json["shared_expert_intermediate_size"], json["norm_topk_prob"]) = (
                    keys.Required("expert_shared_feed_forward_length"),
                    false
                );
                (json["decoder_sparse_step"], json["mlp_only_layers"], json["qkv_bias"]) = (
                    1,
                    new JsonArray(),
                    GgufRules.HasQueryBias(file)
                );
            },
        };
}
