using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>Qwen3-Next: three layers of linear attention to one of gated attention, sparse experts with a shared one.</summary>
internal static class Qwen3NextFamily
{
    /// <summary><c>qwen3_next</c>. The prediction module <c>mtp</c> of its checkpoints is not built.</summary>
    public static ModelFamily Qwen3Next { get; } =
        new(
            "qwen3_next",
            Build,
            [
                "attention_bias",
                "partial_rotary_factor",
                "layer_types",
                "full_attention_interval",
                "linear_conv_kernel_dim",
                "linear_key_head_dim",
                "linear_value_head_dim",
                "linear_num_key_heads",
                "linear_num_value_heads",
                "num_experts_per_tok",
                "moe_intermediate_size",
                "shared_expert_intermediate_size",
                "norm_topk_prob",
                .. ExpertConfig.Keys,
            ]
        )
        {
            IsRedundant = name => name.StartsWith("mtp.", StringComparison.Ordinal),
        };

    private static DecoderModel<Qwen3NextBlock> Build(HfConfig config, Scope root)
    {
        Qwen3NextConfig c = Qwen3NextConfig.From(config);
        RotaryTable rotary = Rotary.From(config, c.RotaryDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings) { RouterAuxLoss = c.RouterAuxLoss },
            (layer, s) => new Qwen3NextBlock(c, layer, s, rotary, linear => new GatedDeltaNet(c, layer, linear), expertWidths: 3),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps, zeroCentred: true).Forward
        );
    }
}
