using System.Text.Json.Nodes;
using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Exaone4;

/// <summary>GGUF files of EXAONE 4. llama.cpp has windows in models of 64 layers and no others, in all but every fourth layer.</summary>
internal static class Exaone4Gguf
{
    private const string Window = "attention.sliding_window",
        Pattern = "attention.sliding_window_pattern";
    private const int Hybrid = 64,
        Period = 4;

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new(
            "exaone4",
            "exaone4",
            [
                .. GgufRules.Attention(),
                .. GgufRules.HeadNorms(),
                .. GgufRules.Dense,
                Weight("post_attention_norm", "post_attention_layernorm"),
                Weight("post_ffw_norm", "post_feedforward_layernorm"),
            ]
        )
        {
            Absent = new GgufAbsent(KeyValueHeads: 32, Eps: 1e-5),
            Rope = ["linear", "llama3", "yarn"],
            Write = (a, c, keys) =>
            {
                GgufRules.OwnHeadDim(a, c);
                int layers = c.Int("num_hidden_layers");
                int? window = Exaone4Family.Window(c);
                a.Assume(c, "sliding_window", window is not null == (layers == Hybrid), "windows in models of 64 layers, and in no others");
                if (window is { } size)
                {
                    a.Assume(
                        c,
                        c.Has("layer_types") ? "layer_types" : "sliding_window_pattern",
                        Exaone4Family.Slides(c, layers).Index().All(l => l.Item == ((l.Index + 1) % Period != 0)),
                        "windows in all but every fourth layer"
                    );
                    keys.Set(Window, size);
                }
            },
            Read = (_, keys, json) =>
            {
                json.Remove("head_dim");
                int layers = keys.Required("block_count");
                bool hybrid = layers == Hybrid;
                bool[] slides =
                    hybrid && keys.Has(Pattern)
                        ? keys.Bools(Pattern)!
                        : [.. Enumerable.Range(1, layers).Select(i => hybrid && i % Period != 0)];
                json["sliding_window"] = hybrid ? keys.Int(Window) ?? 4096 : null;
                json["layer_types"] = new JsonArray([.. slides.Select(s => (JsonNode)(s ? Exaone4Family.Sliding : Exaone4Family.Full))]);
            },
        };
}
