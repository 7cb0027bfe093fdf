using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Starcoder2;

/// <summary>GGUF files of StarCoder2: llama.cpp has biases everywhere and no window.</summary>
internal static class Starcoder2Gguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "starcoder2",
            "starcoder2",
            [
                .. GgufRules.Norms(),
                Bias("attn_norm", "input_layernorm"),
                Bias("ffn_norm", "post_attention_layernorm"),
                .. GgufRules.Attention(),
                .. GgufRules.QkvBiases(),
                GgufRules.OutputBias,
                Weight("ffn_up", "mlp.c_fc"),
                Bias("ffn_up", "mlp.c_fc"),
                Weight("ffn_down", "mlp.c_proj"),
                Bias("ffn_down", "mlp.c_proj"),
            ]
        )
        {
            Outside =
            [
                new("token_embd.weight", "model.embed_tokens.weight", GgufLayout.Same),
                new("output_norm.weight", "model.norm.weight", GgufLayout.Same),
                new("output_norm.bias", "model.norm.bias", GgufLayout.Same),
                new("output.weight", "lm_head.weight", GgufLayout.Same),
            ],
            Absent = new GgufAbsent(KeyValueHeads: 2, Eps: 1e-5),
            Eps = ("norm_epsilon", "attention.layer_norm_epsilon"),
            Activation = ("hidden_act", "gelu_pytorch_tanh"),
            Write = (a, c, _) =>
            {
                GgufRules.OwnHeadDim(a, c);
                GgufRules.NoWindow(a, c, c.Has("sliding_window") ? c.Int("sliding_window") : null);
                a.Assume(c, "use_bias", c.Bool("use_bias", true), "biases everywhere");
            },
            Read = (_, _, json) =>
            {
                json.Remove("head_dim");
                (json["use_bias"], json["sliding_window"]) = (true, null);
            },
        };
}
