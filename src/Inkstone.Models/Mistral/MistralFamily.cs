using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Mistral;

/// <summary>Mistral (arXiv:2310.06825): Llama's block without biases, with a window on every layer where the configuration has
/// one.</summary>
internal static class MistralFamily
{
    /// <summary><c>mistral</c>.</summary>
    public static ModelFamily Mistral { get; } =
        new("mistral", Build, ["sliding_window"])
        {
            Harmless = ["use_sliding_window", "max_window_layers"],
            Gguf = MistralGguf.Architecture,
        };

    /// <summary>Reads and checks.</summary>
    public static LlamaConfig Config(HfConfig c)
    {
        AttentionSpec whole = ConfigCheck.Attention(c, absentKeyValueHeads: 8);
        int? window =
            c.Has("sliding_window") ? c.Int("sliding_window")
            : c.Keys.Contains("sliding_window") ? null
            : 4096;
        ConfigCheck.Positive(c, ("sliding_window", window ?? 1));
        return LlamaConfig.From(c, whole with { Window = window }) with { AttentionBias = false, MlpBias = false };
    }

    private static DecoderModel<LlamaBlock> Build(HfConfig config, Scope root)
    {
        LlamaConfig c = Config(config);
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new LlamaBlock(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
