using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen2;

/// <summary>Qwen2 and Qwen2.5: Llama's block with biases on q, k and v.</summary>
internal static class Qwen2Family
{
    /// <summary><c>qwen2</c>.</summary>
    public static ModelFamily Qwen2 { get; } =
        new("qwen2", Build, [.. SlidingWindow.Keys]) { Harmless = ["attention_bias", "mlp_bias"], Gguf = Qwen2Gguf.Architecture };

    private static DecoderModel<Qwen2Block> Build(HfConfig config, Scope root)
    {
        Qwen2Config c = Qwen2Config.From(config);
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new Qwen2Block(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
