using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Gemma;

/// <summary>Gemma 2 (arXiv:2408.00118) and the text part of Gemma 3 (arXiv:2503.19786).</summary>
internal static class GemmaFamily
{
    private static readonly string[] Keys =
    [
        "attention_bias",
        "hidden_activation",
        "query_pre_attn_scalar",
        "sliding_window",
        "layer_types",
        "final_logit_softcapping",
    ];

    /// <summary>What a key that text_config leaves out means (transformers' Gemma3TextConfig).</summary>
    private const string TextDefaults = """
        {"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
         "query_pre_attn_scalar": 256, "sliding_window": 4096, "rms_norm_eps": 1e-6, "max_position_embeddings": 131072}
        """;

    /// <summary><c>gemma2</c>.</summary>
    public static ModelFamily Gemma2 { get; } =
        new(
            "gemma2",
            (config, root) =>
            {
                GemmaConfig c = GemmaConfig.Gemma2(config);
                RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
                return Build(config, root, c, _ => rotary);
            },
            [.. Keys, "attn_logit_softcapping"]
        )
        {
            Harmless = ["sliding_window_pattern"],
            TiedByDefault = true,
            Gguf = GemmaGguf.Gemma2,
        };

    /// <summary><c>gemma3_text</c>.</summary>
    public static ModelFamily Gemma3Text { get; } =
        new("gemma3_text", (config, root) => BuildGemma3(config, config, root), [.. Keys, "sliding_window_pattern", "rope_local_base_freq"])
        {
            Harmless = ["attn_logit_softcapping"],
            TiedByDefault = true,
            Gguf = GemmaGguf.Gemma3Text,
        };

    /// <summary><c>gemma3</c>: text and vision (4B and larger), of which the text part is built. Its text_config leaves out what has its
    /// default value.</summary>
    public static ModelFamily Gemma3 { get; } =
        Gemma3Text with
        {
            ModelType = "gemma3",
            Build = BuildNested,
            IsRedundant = IsVision,
            Gguf = GemmaGguf.Gemma3,
        };

    private static DecoderModel<GemmaBlock> BuildNested(HfConfig config, Scope root)
    {
        HfConfig text = Text(config);
        ConfigKeys.Check(text, Gemma3);
        return BuildGemma3(config, text, root);
    }

    /// <summary>text_config of a <c>gemma3</c> with all its keys.</summary>
    internal static HfConfig Text(HfConfig config) =>
        (
            config.Object("text_config")
            ?? throw new InvalidDataException($"{config.Source} has no \"text_config\"; a gemma3 model has one.")
        ).WithDefaults(TextDefaults);

    private static bool IsVision(string name) =>
        ((string[])["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."]).Any(prefix =>
            name.StartsWith(prefix, StringComparison.Ordinal)
        );

    private static DecoderModel<GemmaBlock> BuildGemma3(HfConfig config, HfConfig text, Scope root)
    {
        GemmaConfig c = GemmaConfig.Gemma3(text);
        int headDim = c.Attention[0].HeadDim;
        RotaryTable full = Rotary.From(text, headDim, "full_attention", 1_000_000);
        RotaryTable sliding =
            text.Object("rope_parameters") is { } nested && nested.Has("sliding_attention")
                ? Rotary.From(text, headDim, "sliding_attention")
                : RotaryTable.Default(headDim, text.Number("rope_local_base_freq", 10_000));
        // transformers 4 and hubs have language_model.model, transformers 5 writes model.language_model
        string path =
            ReferenceEquals(config, text) ? "model"
            : root["language_model"]["model"]["embed_tokens"].Has("weight") ? "language_model.model"
            : "model.language_model";
        return Build(config, root, c, layer => c.Attention[layer].Window is null ? full : sliding, path, Rotary.Longest(text));
    }

    private static DecoderModel<GemmaBlock> Build(
        HfConfig config,
        Scope root,
        GemmaConfig c,
        Func<int, RotaryTable> rotary,
        string path = "model",
        int longest = 0
    ) =>
        new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings)
            {
                Path = path,
                MaxPositionEmbeddings = longest,
                EmbeddingScale = MathF.Sqrt(c.HiddenSize),
                LogitSoftCap = c.FinalSoftCap,
            },
            (layer, s) => new GemmaBlock(c, layer, s, rotary(layer)),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps, zeroCentred: true).Forward
        );
}
