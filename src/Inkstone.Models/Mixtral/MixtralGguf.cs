using Inkstone.Formats;
using Inkstone.Models.Llama;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Mixtral;

/// <summary>GGUF files of Mixtral: Llama's with experts.</summary>
internal static class MixtralGguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "llama",
            "mixtral",
            [
                .. GgufRules.Norms(),
                .. GgufRules.Attention(interleaved: true, 8),
                Weight("ffn_gate_inp", "block_sparse_moe.gate"),
                Weight("ffn_gate_exps", "block_sparse_moe.experts.*.w1"),
                Weight("ffn_up_exps", "block_sparse_moe.experts.*.w3"),
                Weight("ffn_down_exps", "block_sparse_moe.experts.*.w2"),
            ]
        )
        {
            Absent = new GgufAbsent(KeyValueHeads: 8, Theta: 1_000_000),
            Rope = LlamaGguf.Architecture.Rope,
            Is = (_, keys) => keys.Int("expert_count") is > 0,
            Write = (a, c, keys) =>
            {
                GgufRules.NoWindow(a, c, c.Has("sliding_window") ? c.Int("sliding_window") : null);
                keys.Set("expert_count", ExpertConfig.Experts(c, 8));
                keys.Set("expert_used_count", c.Int("num_experts_per_tok", 2));
            },
            Read = (_, keys, json) =>
                (json["num_local_experts"], json["num_experts_per_tok"], json["sliding_window"]) = (
                    keys.Required("expert_count"),
                    keys.Required("expert_used_count"),
                    null
                ),
        };
}
