using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Glm4;

/// <summary>GGUF files of GLM-4-0414.</summary>
internal static class Glm4Gguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "glm4",
            "glm4",
            [
                Weight("attn_norm", "input_layernorm"),
                .. GgufRules.Attention(),
                .. GgufRules.QkvBiases(),
                Weight("post_attention_norm", "post_self_attn_layernorm"),
                Weight("ffn_norm", "post_attention_layernorm"),
                .. GgufRules.FusedDense,
                Weight("post_ffw_norm", "post_mlp_layernorm"),
            ]
        )
        {
            Absent = new GgufAbsent(KeyValueHeads: 2, HeadDim: 128, Eps: 1.5625e-7),
            RotaryDim = (c, headDim) => Rotary.PartialDim(c, headDim, 0.5),
            Read = (file, keys, json) =>
            {
                int headDim = (int)json["head_dim"]!;
                (json["attention_bias"], json["partial_rotary_factor"]) = (
                    GgufRules.HasQueryBias(file),
                    (double)(keys.Int("rope.dimension_count") ?? headDim) / headDim
                );
            },
        };
}
