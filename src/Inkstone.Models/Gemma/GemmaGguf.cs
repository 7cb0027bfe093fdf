using Inkstone.Formats;
using static Inkstone.Formats.GgufTensorRule;

namespace Inkstone.Models.Gemma;

/// <summary>GGUF files of Gemma 2 and 3: norms are stored as 1 + w, which layers slide and how scores are scaled is not stored.</summary>
internal static class GemmaGguf
{
    private const string Window = "attention.sliding_window",
        FinalCap = "final_logit_softcapping",
        ScoreCap = "attn_logit_softcapping";
    private const double LocalTheta = 10_000;
    private const int Pattern = 6,
        LayersOf27B2 = 46,
        LayersOf27B3 = 62;

    private static readonly GgufTensorRule[] Block =
    [
        Weight("attn_norm", "input_layernorm", GgufLayout.PlusOne),
        .. GgufRules.Attention(),
        Weight("post_attention_norm", "post_attention_layernorm", GgufLayout.PlusOne),
        Weight("ffn_norm", "pre_feedforward_layernorm", GgufLayout.PlusOne),
        .. GgufRules.Dense,
        Weight("post_ffw_norm", "post_feedforward_layernorm", GgufLayout.PlusOne),
    ];

    /// <summary>What files of Gemma 2 look like.</summary>
    public static GgufArchitecture Gemma2 { get; } =
        new("gemma2", "gemma2", Block)
        {
            Outside =
            [
                new("token_embd.weight", "model.embed_tokens.weight", GgufLayout.Same),
                new("output_norm.weight", "model.norm.weight", GgufLayout.PlusOne),
            ],
            Absent = new GgufAbsent(KeyValueHeads: 4, HeadDim: 256),
            Activation = ("hidden_activation", "gelu_pytorch_tanh"),
            Write = (a, c, keys) =>
            {
                Check(a, c, LayersOf27B2);
                GgufRules.Slides(a, c, i => i % 2 == 0, i => i % 2 == 0, "windows in every second layer, the first included");
                foreach ((string key, double absent) in new[] { (ScoreCap, 50.0), (FinalCap, 30.0) })
                {
                    a.Assume(c, key, c.Has(key) ? c.Number(key) > 0 : !c.Keys.Contains(key), "caps on scores and logits");
                    keys.Set(key, c.Number(key, absent));
                }
                keys.Set(Window, c.Int("sliding_window", 4096));
            },
            Read = (_, keys, json) =>
            {
                json["query_pre_attn_scalar"] = Scalar(keys, LayersOf27B2);
                (json["sliding_window"], json[ScoreCap], json[FinalCap]) = (
                    keys.Int(Window) ?? 4096,
                    keys.Number(ScoreCap) ?? 50,
                    keys.Number(FinalCap) ?? 30
                );
            },
        };

    /// <summary>What files of Gemma 3's text models look like: stretched positions are those of full layers.</summary>
    public static GgufArchitecture Gemma3Text { get; } =
        Gemma2 with
        {
            Name = "gemma3",
            ModelType = "gemma3_text",
            ClassName = "Gemma3ForCausalLM",
            Layer = [.. Block, .. GgufRules.HeadNorms(GgufLayout.PlusOne)],
            Absent = new GgufAbsent(KeyValueHeads: 4, HeadDim: 256, Theta: 1_000_000),
            Rope = ["linear"],
            Write = (a, c, keys) =>
            {
                Check(a, c, LayersOf27B3);
                int pattern = c.Int("sliding_window_pattern", Pattern);
                GgufRules.Slides(a, c, i => (i + 1) % Pattern != 0, i => (i + 1) % pattern != 0, "windows in all but every sixth layer");
                HfConfig? local = c.Object("rope_parameters")?.Object("sliding_attention");
                a.Assume(
                    c,
                    local is null ? "rope_local_base_freq" : "rope_parameters",
                    (local?.Number("rope_theta", LocalTheta) ?? c.Number("rope_local_base_freq", LocalTheta)) == LocalTheta
                        && local?.Text("rope_type", "default") is null or "default",
                    "plain positions of base 10000 in sliding layers"
                );
                if (c.Has(FinalCap))
                {
                    keys.Set(FinalCap, c.Number(FinalCap));
                }
                keys.Set(Window, c.Int("sliding_window", 4096));
            },
            Read = (_, keys, json) =>
            {
                json["query_pre_attn_scalar"] = Scalar(keys, LayersOf27B3);
                (json["sliding_window"], json["sliding_window_pattern"], json["rope_local_base_freq"], json[FinalCap]) = (
                    keys.Required(Window),
                    Pattern,
                    LocalTheta,
                    keys.Number(FinalCap)
                );
            },
        };

    /// <summary>Gemma 3 with vision, of which the text part is written; it comes back as a text model.</summary>
    public static GgufArchitecture Gemma3 { get; } =
        Gemma3Text with
        {
            ModelType = "gemma3",
            Is = (_, _) => false,
            Text = GemmaFamily.Text,
            TextName = name =>
                name.Replace("language_model.model.", "model.", StringComparison.Ordinal)
                    .Replace("model.language_model.", "model.", StringComparison.Ordinal),
        };

    private static void Check(GgufArchitecture a, HfConfig c, int layersOf27B)
    {
        a.Assume(c, "tie_word_embeddings", c.Bool("tie_word_embeddings", true), "no head beside the embedding");
        bool large = c.Int("num_hidden_layers") == layersOf27B;
        int own = large ? c.Int("hidden_size") / c.Int("num_attention_heads") : a.HeadDim(c);
        a.Assume(
            c,
            "query_pre_attn_scalar",
            c.Number("query_pre_attn_scalar", 256) == own,
            large ? $"hidden_size / num_attention_heads there, {own}" : $"head_dim there, {own}"
        );
    }

    private static int Scalar(GgufKeys keys, int layersOf27B) =>
        keys.Required("block_count") == layersOf27B
            ? keys.Required("embedding_length") / keys.Required("attention.head_count")
            : keys.Required("attention.key_length");
}
