using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Lfm;

/// <summary>LFM2 (arXiv:2511.23404) and LFM3: mostly short convolutions, some layers of attention; made for CPUs.</summary>
internal static class LfmFamily
{
    /// <summary><c>lfm2</c>.</summary>
    public static ModelFamily Lfm2 { get; } =
        new(
            "lfm2",
            (config, root) =>
            {
                LfmConfig c = LfmConfig.Lfm2(config);
                RotaryTable rotary = Rotary.From(config, HeadDim(config), absentTheta: 1_000_000);
                return Build(config, root, c, _ => rotary);
            },
            [
                "layer_types",
                "full_attn_idxs",
                "conv_L_cache",
                "conv_bias",
                "conv_dim",
                "conv_dim_out",
                "block_dim",
                "block_ff_dim",
                "block_auto_adjust_ff_dim",
                "block_ffn_dim_multiplier",
                "block_multiple_of",
                "norm_eps",
                "tie_embedding",
            ]
        )
        {
            TiedByDefault = true,
        };

    /// <summary><c>lfm3</c>.</summary>
    public static ModelFamily Lfm3 { get; } =
        new(
            "lfm3",
            (config, root) =>
            {
                LfmConfig c = LfmConfig.Lfm3(config);
                RotaryTable full = LfmConfig.Rotary3(config, HeadDim(config), sliding: false),
                    sliding = LfmConfig.Rotary3(config, HeadDim(config), sliding: true);
                return Build(config, root, c, layer => c.Attention[layer]?.Window is null ? full : sliding);
            },
            ["layer_types", "sliding_window", "conv_L_cache", "conv_bias", "norm_eps", "use_attention_gate", "use_sandwich_norm"]
        )
        {
            Harmless = ["attention_bias"],
            TiedByDefault = true,
        };

    private static int HeadDim(HfConfig c) => ConfigCheck.Attention(c, absentKeyValueHeads: 8).HeadDim;

    private static DecoderModel<LfmBlock> Build(HfConfig config, Scope root, LfmConfig c, Func<int, RotaryTable> rotary) =>
        new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.Attention.Length, c.TieWordEmbeddings) { NormName = "embedding_norm" },
            (layer, s) => new LfmBlock(c, layer, s, rotary(layer)),
            s => new RmsNorm(s, c.HiddenSize, c.NormEps).Forward
        );
}
