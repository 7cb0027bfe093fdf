using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Phi3;

/// <summary>GGUF files of Phi-3 and Phi-4: fused matrices stay so. llama.cpp reads the window and does not use it.</summary>
internal static class Phi3Gguf
{
    private const string Window = "attention.sliding_window";

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("phi3", "phi3", [.. GgufRules.Norms(), Weight("attn_qkv", "self_attn.qkv_proj"), GgufRules.Output, .. GgufRules.FusedDense])
        {
            Absent = new GgufAbsent(Eps: 1e-5),
            Rope = ["longrope"],
            RotaryDim = (c, headDim) => Rotary.PartialDim(c, headDim, 1),
            Write = (a, c, keys) =>
            {
                GgufRules.OwnHeadDim(a, c);
                int? window = c.Has("sliding_window") ? c.Int("sliding_window") : null;
                GgufRules.NoWindow(a, c, window);
                keys.Set(Window, window ?? 0);
                keys.Set(
                    "rope.scaling.original_context_length",
                    Rotary.Parameters(c)?.Int("original_max_position_embeddings", Original(c)) ?? Original(c)
                );
            },
            Read = (_, keys, json) =>
            {
                json.Remove("head_dim");
                json["sliding_window"] = keys.Int(Window) is > 0 and var window ? window : null;
                double headDim = (double)keys.Required("embedding_length") / keys.Required("attention.head_count");
                json["partial_rotary_factor"] = keys.Int("rope.dimension_count") is { } rotated ? rotated / headDim : 1.0;
            },
        };

    private static int Original(HfConfig c) => c.Int("original_max_position_embeddings", c.Int("max_position_embeddings", 2048));
}
