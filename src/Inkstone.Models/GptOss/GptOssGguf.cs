using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.GptOss;

/// <summary>GGUF files of gpt-oss: experts' matrices are transposed, gate and up, which take turns in the model, are two tensors.</summary>
internal static class GptOssGguf
{
    private const string Window = "attention.sliding_window";
    private const double Limit = 7,
        Alpha = 1.702;

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "gpt-oss",
            "gpt_oss",
            [
                Weight("attn_norm", "input_layernorm"),
                Weight("post_attention_norm", "post_attention_layernorm"),
                .. GgufRules.Attention(),
                .. GgufRules.QkvBiases(),
                GgufRules.OutputBias,
                InLayer("attn_sinks.weight", "self_attn.sinks"),
                Weight("ffn_gate_inp", "mlp.router"),
                Bias("ffn_gate_inp", "mlp.router"),
                InLayer("ffn_gate_exps.weight", "mlp.experts.gate_up_proj", Turn(0)),
                InLayer("ffn_gate_exps.bias", "mlp.experts.gate_up_proj_bias", BiasTurn(0)),
                InLayer("ffn_up_exps.weight", "mlp.experts.gate_up_proj", Turn(1)),
                InLayer("ffn_up_exps.bias", "mlp.experts.gate_up_proj_bias", BiasTurn(1)),
                InLayer("ffn_down_exps.weight", "mlp.experts.down_proj", Transposed),
                InLayer("ffn_down_exps.bias", "mlp.experts.down_proj_bias"),
            ]
        )
        {
            Absent = new GgufAbsent(KeyValueHeads: 8, HeadDim: 64, Theta: 150_000, Eps: 1e-5),
            Rope = ["yarn"],
            YarnTruncates = false,
            NeedsHead = true,
            Write = (a, c, keys) =>
            {
                a.Assume(c, "swiglu_limit", c.Number("swiglu_limit", Limit) == Limit, "a limit of 7");
                a.Assume(c, "swiglu_alpha", c.Number("swiglu_alpha", Alpha) == Alpha, "1.702");
                GgufRules.Slides(a, c, i => i % 2 == 0, i => i % 2 == 0, "windows in every second layer, the first included");
                keys.Set(Window, c.Int("sliding_window", 128));
                keys.Set("expert_count", ExpertConfig.Experts(c, 128));
                keys.Set("expert_used_count", c.Int("num_experts_per_tok", c.Int("experts_per_token", 4)));
                keys.Set("expert_feed_forward_length", c.Int("intermediate_size"));
            },
            Read = (_, keys, json) =>
            {
                (json["num_local_experts"], json["num_experts_per_tok"]) = (
                    keys.Required("expert_count"),
                    keys.Required("expert_used_count")
                );
                (json["intermediate_size"], json["sliding_window"], json["swiglu_limit"], json["attention_bias"]) = (
                    keys.Required("expert_feed_forward_length"),
                    keys.Required(Window),
                    Limit,
                    true
                );
            },
        };

    /// <summary>[E, in, out] as [E, out, in].</summary>
    private static GgufLayout Transposed =>
        new(
            (_, shape, _) =>
            {
                long[] turned = [shape[0], shape[2], shape[1]];
                return new GgufView(turned, turned, [shape[1] * shape[2], 1, shape[2]]);
            },
            (_, shape) => [shape[0], shape[2], shape[1]]
        );

    /// <summary>Every second column of [E, in, 2 · out], as [E, out, in].</summary>
    private static GgufLayout Turn(int first) =>
        new(
            (_, shape, _) =>
            {
                long[] part = [shape[0], shape[2] / 2, shape[1]];
                return new GgufView(part, part, [shape[1] * shape[2], 2, shape[2]], first);
            },
            (_, shape) => [shape[0], shape[2], 2 * shape[1]]
        );

    /// <summary>Every second number of [E, 2 · out].</summary>
    private static GgufLayout BiasTurn(int first) =>
        new(
            (_, shape, _) =>
            {
                long[] part = [shape[0], shape[1] / 2];
                return new GgufView(part, part, [shape[1], 2], first);
            },
            (_, shape) => [shape[0], 2 * shape[1]]
        );
}
