using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Ernie45;

/// <summary>ERNIE 4.5's dense models: Llama's block, rotary pairs side by side, one key for all biases.</summary>
internal static class Ernie45Family
{
    /// <summary><c>ernie4_5</c>.</summary>
    public static ModelFamily Ernie45 { get; } =
        new("ernie4_5", Build, ["use_bias"]) { TiedByDefault = true, Gguf = Ernie45Gguf.Architecture };

    private static DecoderModel<LlamaBlock> Build(HfConfig config, Scope root)
    {
        bool bias = config.Bool("use_bias", false);
        LlamaConfig c = LlamaConfig.From(config, ConfigCheck.Attention(config, absentKeyValueHeads: 2, absentHeadDim: 128)) with
        {
            AttentionBias = bias,
            MlpBias = bias,
            TieWordEmbeddings = config.Bool("tie_word_embeddings", true),
            InterleavedRope = true,
        };
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim, absentTheta: 500_000);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new LlamaBlock(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
