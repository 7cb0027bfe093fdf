using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>Qwen3's sparse models (arXiv:2505.09388): Qwen3's block with experts, softmax routing, balance loss over the batch.</summary>
internal static class Qwen3MoeFamily
{
    /// <summary><c>qwen3_moe</c>.</summary>
    public static ModelFamily Qwen3Moe { get; } =
        new(
            "qwen3_moe",
            Build,
            [
                "attention_bias",
                "num_experts_per_tok",
                "moe_intermediate_size",
                "norm_topk_prob",
                .. SlidingWindow.Keys,
                .. ExpertConfig.Keys,
            ]
        )
        {
            Gguf = Qwen3MoeGguf.Architecture,
        };

    private static DecoderModel<Qwen3MoeBlock> Build(HfConfig config, Scope root)
    {
        Qwen3MoeConfig c = Qwen3MoeConfig.From(config);
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings) { RouterAuxLoss = c.RouterAuxLoss },
            (layer, s) => new Qwen3MoeBlock(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
