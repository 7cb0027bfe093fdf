using System.Text.Json.Nodes;
using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.DeepseekV3;

/// <summary>
/// GGUF files of DeepSeek-V2, V3 and Kimi K2, which share an architecture and differ in how routers score. kv_b_proj is cut into keys,
/// transposed, and values, so
/// that llama.cpp can attend to latents. Prediction modules are left out: llama.cpp does not use them.
/// </summary>
internal static class DeepseekV3Gguf
{
    private const int Softmax = 1,
        Sigmoid = 2;

    /// <summary>transformers norms latents with this whatever rms_norm_eps is.</summary>
    private const double LatentEps = 1e-6;

    private static readonly GgufTensorRule[] Block =
    [
        .. GgufRules.Norms(),
        Weight("attn_q", "self_attn.q_proj"),
        Weight("attn_q_a", "self_attn.q_a_proj", ForNorm(_ => int.MaxValue)),
        Weight("attn_q_a_norm", "self_attn.q_a_layernorm"),
        Weight("attn_q_b", "self_attn.q_b_proj"),
        Weight("attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa", ForNorm(Rank)),
        Weight("attn_kv_a_norm", "self_attn.kv_a_layernorm"),
        Weight("attn_k_b", "self_attn.kv_b_proj", new GgufLayout(KeyPart, Whole)),
        Weight("attn_v_b", "self_attn.kv_b_proj", new GgufLayout(ValuePart, Whole)),
        Weight("attn_kv_b", "self_attn.kv_b_proj") with
        {
            ReadOnly = true,
        },
        GgufRules.Output,
        .. GgufRules.Dense,
        .. GgufRules.Experts,
        .. GgufRules.SharedExpert("mlp.shared_experts"),
        InLayer("exp_probs_b.bias", "mlp.gate.e_score_correction_bias"),
    ];

    /// <summary>What files of DeepSeek-V3 look like.</summary>
    public static GgufArchitecture DeepseekV3 { get; } =
        new("deepseek2", "deepseek_v3", Block)
        {
            Rope = ["yarn"],
            YarnKeys = ["mscale", "mscale_all_dim"],
            RotaryDim = (c, _) => c.Int("qk_rope_head_dim", 64),
            Omits = (c, name) => Pattern(name).Numbers is [var layer, ..] && layer >= c.Int("num_hidden_layers"),
            Is = (_, keys) => keys.Int("expert_gating_func") == Sigmoid,
            Write = (a, c, keys) => Write(a, c, DeepseekV3Config.From(c), keys, Sigmoid),
            Read = (_, keys, json) =>
            {
                Read(keys, json);
                (json["n_group"], json["topk_group"]) = (keys.Int("expert_group_count") ?? 1, keys.Int("expert_group_used_count") ?? 1);
                (json["norm_topk_prob"], json["scoring_func"]) = (keys.Bool("expert_weights_norm", false), "sigmoid");
            },
        };

    /// <summary>Kimi K2's, which come back as DeepSeek-V3.</summary>
    public static GgufArchitecture KimiK2 { get; } = DeepseekV3 with { ModelType = "kimi_k2", Is = (_, _) => false };

    /// <summary>What files of DeepSeek-V2 look like: llama.cpp's groups are those of V3.</summary>
    public static GgufArchitecture DeepseekV2 { get; } =
        DeepseekV3 with
        {
            ModelType = "deepseek_v2",
            Is = (_, keys) => keys.Int("expert_gating_func") is null or 0 or Softmax,
            Write = (a, c, keys) =>
            {
                DeepseekV3Config own = DeepseekV3Config.V2(c);
                a.Assume(
                    c,
                    "topk_method",
                    own.Routing.Groups == 1,
                    "groups of experts that are chosen by their two best, not by the best (group_limited_greedy)"
                );
                Write(a, c, own, keys, Softmax);
            },
            Read = (_, keys, json) =>
            {
                Read(keys, json);
                (json["topk_method"], json["norm_topk_prob"]) = ("greedy", false);
            },
        };

    private static void Write(GgufArchitecture a, HfConfig c, DeepseekV3Config own, GgufKeys keys, int gating)
    {
        a.Assume(c, "rope_interleave", own.RopeInterleave, "rotary pairs side by side; rope_interleave true");
        a.Assume(
            c,
            "n_shared_experts",
            own.NSharedExperts > 0 || own.FirstKDenseReplace >= own.NumHiddenLayers,
            "shared experts in every sparse layer"
        );
        if (Rotary.Parameters(c) is { } rope && rope.Text("rope_type", rope.Text("type", "default")) == "yarn")
        {
            double magnitude = rope.Number("mscale_all_dim", 0);
            a.Assume(
                rope,
                "mscale_all_dim",
                magnitude > 0 && rope.Number("mscale", 1) == magnitude,
                "one magnitude for positions and scores: mscale and mscale_all_dim must be the same and above 0"
            );
            keys.Set("rope.scaling.yarn_log_multiplier", 0.1 * magnitude);
        }
        keys.Set("attention.head_count_kv", 1);
        keys.Set("attention.key_length", own.KvLoraRank + own.QkRopeHeadDim);
        keys.Set("attention.value_length", own.KvLoraRank);
        keys.Set("attention.key_length_mla", own.QkHeadDim);
        keys.Set("attention.value_length_mla", own.VHeadDim);
        keys.Set("attention.kv_lora_rank", own.KvLoraRank);
        if (own.QLoraRank is { } rank)
        {
            keys.Set("attention.q_lora_rank", rank);
        }
        keys.Set("leading_dense_block_count", own.FirstKDenseReplace);
        keys.Set("expert_count", own.NRoutedExperts);
        keys.Set("expert_used_count", own.Routing.TopK);
        keys.Set("expert_shared_count", own.NSharedExperts);
        keys.Set("expert_feed_forward_length", own.MoeIntermediateSize);
        keys.Set("expert_group_count", own.Routing.Groups);
        keys.Set("expert_group_used_count", own.Routing.TopKGroups);
        keys.Set("expert_weights_scale", (double)own.Routing.Scale);
        keys.Set("expert_weights_norm", own.Routing.Normalise);
        keys.Set("expert_gating_func", gating);
    }

    private static void Read(GgufKeys keys, JsonObject json)
    {
        int rotated = keys.Required("rope.dimension_count");
        // Files from before the cut of kv_b_proj have the sizes of heads in the plain keys.
        int key = keys.Int("attention.key_length_mla") ?? keys.Required("attention.key_length"),
            value = keys.Int("attention.value_length_mla") ?? keys.Required("attention.value_length");
        json["num_key_value_heads"] = keys.Required("attention.head_count");
        json["head_dim"] = rotated;
        (json["q_lora_rank"], json["kv_lora_rank"]) = (keys.Int("attention.q_lora_rank"), keys.Required("attention.kv_lora_rank"));
        (json["qk_nope_head_dim"], json["qk_rope_head_dim"], json["v_head_dim"]) = (key - rotated, rotated, value);
        (json["first_k_dense_replace"], json["n_routed_experts"], json["num_experts_per_tok"]) = (
            keys.Int("leading_dense_block_count") ?? 0,
            keys.Required("expert_count"),
            keys.Required("expert_used_count")
        );
        (json["n_shared_experts"], json["moe_intermediate_size"]) = (
            keys.Int("expert_shared_count") ?? 0,
            keys.Required("expert_feed_forward_length")
        );
        json["routed_scaling_factor"] = keys.Number("expert_weights_scale") is { } scale and not 0 ? scale : 1.0;
        if (json["rope_scaling"] is JsonObject rope && keys.Number("rope.scaling.yarn_log_multiplier") is { } multiplier)
        {
            double magnitude = Math.Round(multiplier * 10, 6);
            (rope["mscale"], rope["mscale_all_dim"]) = (magnitude, magnitude);
        }
    }

    /// <summary>
    /// A projection whose first rows go into the norm of a latent. llama.cpp adds rms_norm_eps there, transformers 1e-6: x / √(mean x² + ε)
    /// is the same
    /// for f · x and f² · ε, so rows are stored times √(rms_norm_eps / 1e-6), which for nearly all models is 1.
    /// </summary>
    private static GgufLayout ForNorm(Func<HfConfig, int> rows) =>
        new(
            (c, shape, _) =>
            {
                float factor = (float)Math.Sqrt(c.Number("rms_norm_eps", LatentEps) / LatentEps);
                int normed = rows(c);
                return GgufView.Whole(shape) with { RowFactor = Math.Abs(factor - 1) < 1e-6 ? null : row => row < normed ? factor : 1 };
            }
        );

    private static int Rank(HfConfig c) => c.Int("kv_lora_rank", 512);

    /// <summary>kv_b_proj: [H · (Dn + Dv), R].</summary>
    private static long[] Whole(HfConfig c, long[] _) => [c.Int("num_attention_heads") * (long)(Nope(c) + Value(c)), Rank(c)];

    /// <summary>[H, R, Dn]: the rows of keys, transposed.</summary>
    private static GgufView KeyPart(HfConfig c, long[] shape, string name)
    {
        long[] part = [c.Int("num_attention_heads"), Rank(c), Nope(c)];
        return new GgufView(part, part, [(long)(Nope(c) + Value(c)) * Rank(c), 1, Rank(c)]);
    }

    /// <summary>[H, Dv, R]: the rows of values.</summary>
    private static GgufView ValuePart(HfConfig c, long[] shape, string name)
    {
        long[] part = [c.Int("num_attention_heads"), Value(c), Rank(c)];
        return new GgufView(part, part, [(long)(Nope(c) + Value(c)) * Rank(c), Rank(c), 1], (long)Nope(c) * Rank(c));
    }

    private static int Nope(HfConfig c) => c.Int("qk_nope_head_dim", 128);

    private static int Value(HfConfig c) => c.Int("v_head_dim", 128);
}
