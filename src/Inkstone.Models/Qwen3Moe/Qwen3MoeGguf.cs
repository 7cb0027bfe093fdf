using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models.Qwen3;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>GGUF files of Qwen3's sparse models.</summary>
internal static class Qwen3MoeGguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("qwen3moe", "qwen3_moe", [.. Qwen3Gguf.Attention, .. GgufRules.Experts])
        {
            Write = (a, c, keys) =>
            {
                GgufRules.NoQwenWindow(a, c);
                GgufRules.AllSparse(a, c);
                a.Assume(c, "norm_topk_prob", c.Bool("norm_topk_prob", false), "weights of experts that sum to 1; norm_topk_prob true");
                keys.Set("expert_count", ExpertConfig.Experts(c, 128));
                keys.Set("expert_used_count", c.Int("num_experts_per_tok", 8));
                keys.Set("expert_feed_forward_length", c.Int("moe_intermediate_size", 768));
            },
            Read = (_, keys, json) =>
            {
                (json["num_experts"], json["num_experts_per_tok"], json["moe_intermediate_size"]) = (
                    keys.Required("expert_count"),
                    keys.Required("expert_used_count"),
                    keys.Required("expert_feed_forward_length")
                );
                (json["norm_topk_prob"], json["decoder_sparse_step"], json["mlp_only_layers"]) = (true, 1, new JsonArray());
            },
        };
}
