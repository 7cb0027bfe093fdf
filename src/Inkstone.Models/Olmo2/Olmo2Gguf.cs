using System.Text.Json.Nodes;
using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Olmo2;

/// <summary>GGUF files of OLMo 2 and 3, which share an architecture: those with a window are OLMo 3.</summary>
internal static class Olmo2Gguf
{
    private const string Sliding = "sliding_attention",
        Full = "full_attention",
        Window = "attention.sliding_window",
        Pattern = "attention.sliding_window_pattern";

    private static readonly GgufTensorRule[] Block =
    [
        .. GgufRules.Attention(),
        .. GgufRules.HeadNorms(),
        .. GgufRules.Dense,
        Weight("post_attention_norm", "post_attention_layernorm"),
        Weight("post_ffw_norm", "post_feedforward_layernorm"),
    ];

    /// <summary>What files of OLMo 2 look like.</summary>
    public static GgufArchitecture Olmo2 { get; } =
        new("olmo2", "olmo2", Block)
        {
            Absent = new GgufAbsent(Eps: 1e-5),
            NeedsHead = true,
            Is = (_, keys) => keys.Int(Window) is null or 0,
            Write = (a, c, _) => GgufRules.OwnHeadDim(a, c),
            Read = (_, _, json) => json.Remove("head_dim"),
        };

    /// <summary>What files of OLMo 3 look like: stretched positions are those of full layers, all layers have one base.</summary>
    public static GgufArchitecture Olmo3 { get; } =
        Olmo2 with
        {
            ModelType = "olmo3",
            Rope = ["yarn"],
            Is = (_, keys) => keys.Int(Window) is > 0,
            Write = (a, c, keys) =>
            {
                GgufRules.OwnHeadDim(a, c);
                HfConfig? full = Rotary.Parameters(c, Full),
                    sliding = Rotary.Parameters(c, Sliding);
                bool plain =
                    c.Object("rope_parameters")?.Object(Sliding) is null
                    || (
                        sliding!.Text("rope_type", "default") == "default"
                        && sliding.Number("rope_theta", 10_000) == full!.Number("rope_theta", 10_000)
                    );
                a.Assume(c, "rope_parameters", plain, "one rope_theta for all layers, and plain positions in sliding ones");
                string[] types = c.Texts("layer_types");
                keys.Set(Window, c.Int("sliding_window", 4096));
                keys.Set(
                    Pattern,
                    Enumerable
                        .Range(0, c.Int("num_hidden_layers"))
                        .Select(i => types.Length > 0 ? types[i] == Sliding : (i + 1) % 4 != 0)
                        .ToArray()
                );
            },
            Read = (_, keys, json) =>
            {
                json.Remove("head_dim");
                int layers = keys.Required("block_count");
                bool[] slides = keys.Has(Pattern) ? keys.Bools(Pattern)! : [.. Enumerable.Range(1, layers).Select(i => i % 4 != 0)];
                json["sliding_window"] = keys.Required(Window);
                json["layer_types"] = new JsonArray([.. slides.Select(s => (JsonNode)(s ? Sliding : Full))]);
            },
        };
}
