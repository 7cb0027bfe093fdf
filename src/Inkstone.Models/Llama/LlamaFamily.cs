using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Llama;

/// <summary>Llama 3 and its relatives.</summary>
internal static class LlamaFamily
{
    /// <summary><c>llama</c>.</summary>
    public static ModelFamily Llama { get; } =
        new("llama", Build, ["attention_bias", "mlp_bias"])
        {
            Harmless = ["sliding_window", "use_sliding_window", "max_window_layers"],
            Gguf = LlamaGguf.Architecture,
        };

    private static DecoderModel<LlamaBlock> Build(HfConfig config, Scope root)
    {
        LlamaConfig c = LlamaConfig.From(config);
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
