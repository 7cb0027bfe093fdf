using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Gemma;

/// <summary>Gemma 2 (arXiv:2408.00118) and the text part of Gemma 3 (arXiv:2503.19786).</summary>
public static class GemmaFamily
{
    private static readonly string[] Keys =
        ["attention_bias", "hidden_activation", "query_pre_attn_scalar", "sliding_window", "layer_types", "final_logit_softcapping"];

    /// <summary><c>gemma2</c>.</summary>
    public static ModelFamily Gemma2 { get; } = new("gemma2", (config, root) =>
    {
        GemmaConfig c = GemmaConfig.Gemma2(config);
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
        return Build(config, root, c, _ => rotary);
    }, [.. Keys, "attn_logit_softcapping"]) { Harmless = ["sliding_window_pattern"], TiedByDefault = true };

    /// <summary><c>gemma3_text</c>.</summary>
    public static ModelFamily Gemma3 { get; } = new("gemma3_text", (config, root) =>
    {
        GemmaConfig c = GemmaConfig.Gemma3(config);
        int headDim = c.Attention[0].HeadDim;
        RotaryTable full = Rotary.From(config, headDim, "full_attention", 1_000_000);
        RotaryTable sliding = config.Object("rope_parameters") is { } nested && nested.Has("sliding_attention") ? Rotary.From(config, headDim, "sliding_attention")
            : RotaryTable.Default(headDim, config.Number("rope_local_base_freq", 10_000));
        return Build(config, root, c, layer => c.Attention[layer].Window is null ? full : sliding);
    }, [.. Keys, "sliding_window_pattern", "rope_local_base_freq"]) { Harmless = ["attn_logit_softcapping"], TiedByDefault = true };

    private static DecoderModel<GemmaBlock> Build(HfConfig config, Scope root, GemmaConfig c, Func<int, RotaryTable> rotary)
        => new(config, root, new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings)
        {
            EmbeddingScale = MathF.Sqrt(c.HiddenSize),
            LogitSoftCap = c.FinalSoftCap,
        }, (layer, s) => new GemmaBlock(c, layer, s, rotary(layer)), s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps, zeroCentred: true).Forward);
}
