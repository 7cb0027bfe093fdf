using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3;

/// <summary>Qwen3: norms on the heads of q and k in place of Qwen2's biases.</summary>
internal static class Qwen3Family
{
    /// <summary><c>qwen3</c>.</summary>
    public static ModelFamily Qwen3 { get; } =
        new("qwen3", Build, ["attention_bias", .. SlidingWindow.Keys]) { Gguf = Qwen3Gguf.Architecture };

    private static DecoderModel<Qwen3Block> Build(HfConfig config, Scope root)
    {
        Qwen3Config c = Qwen3Config.From(config);
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new Qwen3Block(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
