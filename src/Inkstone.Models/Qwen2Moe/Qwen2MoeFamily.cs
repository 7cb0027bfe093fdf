using Inkstone.Formats;
using Inkstone.Models.Qwen2;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen2Moe;

/// <summary>config.json of <c>model_type: qwen2_moe</c>, with the defaults that transformers has. Sparse: per layer.</summary>
internal sealed record Qwen2MoeConfig(
    Qwen2Config Dense,
    bool QkvBias,
    int NumExperts,
    int NumExpertsPerTok,
    int MoeIntermediateSize,
    int SharedExpertIntermediateSize,
    bool NormTopkProb,
    bool[] Sparse,
    double? RouterAuxLoss
)
{
    /// <summary>Reads and checks.</summary>
    public static Qwen2MoeConfig From(HfConfig c)
    {
        if (c.Bool("use_sliding_window", false))
        {
            throw new InvalidDataException(
                $"{c.Source}: use_sliding_window means other layers in transformers 4 than in 5 for qwen2_moe; set it to false."
            );
        }
        Qwen2Config dense = Qwen2Config.From(c);
        Qwen2MoeConfig config = new(
            dense,
            c.Bool("qkv_bias", true),
            ExpertConfig.Experts(c, 60),
            c.Int("num_experts_per_tok", 4),
            c.Int("moe_intermediate_size", 1408),
            c.Int("shared_expert_intermediate_size", 5632),
            c.Bool("norm_topk_prob", false),
            ExpertConfig.SparseLayers(c, dense.NumHiddenLayers),
            ExpertConfig.AuxLoss(c)
        );
        ConfigCheck.Positive(
            c,
            ("num_experts", config.NumExperts),
            ("num_experts_per_tok", config.NumExpertsPerTok),
            ("moe_intermediate_size", config.MoeIntermediateSize),
            ("shared_expert_intermediate_size", config.SharedExpertIntermediateSize)
        );
        ConfigCheck.AtMost(c, "num_experts_per_tok", config.NumExpertsPerTok, "num_experts", config.NumExperts);
        ConfigCheck.Silu(c);
        return config;
    }
}

/// <summary>Qwen1.5-MoE and Qwen2-57B-A14B: Qwen2's attention, experts with a shared one (arXiv:2407.10671, section 2.2.2).</summary>
internal static class Qwen2MoeFamily
{
    /// <summary><c>qwen2_moe</c>.</summary>
    public static ModelFamily Qwen2Moe { get; } =
        new(
            "qwen2_moe",
            Build,
            [
                "qkv_bias",
                "num_experts_per_tok",
                "moe_intermediate_size",
                "shared_expert_intermediate_size",
                "norm_topk_prob",
                "use_sliding_window",
                .. ExpertConfig.Keys,
            ]
        )
        {
            Harmless = ["sliding_window", "max_window_layers", "layer_types"],
            Gguf = Qwen2MoeGguf.Architecture,
        };

    private static DecoderModel<Qwen2MoeBlock> Build(HfConfig config, Scope root)
    {
        Qwen2MoeConfig c = Qwen2MoeConfig.From(config);
        Qwen2Config d = c.Dense;
        RotaryTable rotary = Rotary.From(config, d.Attention[0].HeadDim);
        return new(
            config,
            root,
            new DecoderShape(d.VocabSize, d.HiddenSize, d.NumHiddenLayers, d.TieWordEmbeddings) { RouterAuxLoss = c.RouterAuxLoss },
            (layer, s) => new Qwen2MoeBlock(c, layer, s, rotary),
            s => new RmsNorm(s, d.HiddenSize, d.RmsNormEps).Forward
        );
    }
}

/// <summary>Pre-norm decoder block whose feed-forward layer is sparse or dense.</summary>
internal sealed class Qwen2MoeBlock : IDecoderBlock
{
    private readonly RmsNorm _inputNorm,
        _postAttentionNorm;
    private readonly Qwen2Attention _attention;
    private readonly SwiGlu? _dense;
    private readonly SharedSparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    public Qwen2MoeBlock(Qwen2MoeConfig c, int layer, Scope s, RotaryTable rotary)
    {
        Qwen2Config d = c.Dense;
        _inputNorm = new RmsNorm(s["input_layernorm"], d.HiddenSize, d.RmsNormEps);
        _attention = new Qwen2Attention(d, layer, s["self_attn"], rotary, c.QkvBias);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], d.HiddenSize, d.RmsNormEps);
        _sparse = !c.Sparse[layer]
            ? null
            : new SharedSparseExperts(
                s["mlp"],
                new SparseExpertsSettings(
                    d.HiddenSize,
                    c.MoeIntermediateSize,
                    c.NumExperts,
                    RouterScoring.Softmax,
                    new RoutingRule(c.NumExpertsPerTok, Normalise: c.NormTopkProb)
                ),
                c.SharedExpertIntermediateSize
            );
        _dense = c.Sparse[layer] ? null : new SwiGlu(s["mlp"], d.HiddenSize, d.IntermediateSize);
        Cache = d.Attention[layer];
        ActivationsPerToken =
            9L * d.HiddenSize
            + 2L * d.Attention[layer].KeyWidth
            + (
                !c.Sparse[layer]
                    ? 3L * d.IntermediateSize
                    : c.NumExpertsPerTok * (3L * c.MoeIntermediateSize + 2L * d.HiddenSize) + 3L * c.SharedExpertIntermediateSize
            );
    }

    /// <inheritdoc/>
    public ICacheSpec Cache { get; }

    /// <inheritdoc/>
    public long ActivationsPerToken { get; }

    /// <inheritdoc/>
    public ExpertRouter? Router => _sparse?.Router;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        Tensor y = _postAttentionNorm.Forward(h);
        return _sparse?.Forward(y, residual: h, ctx.AttentionMask) ?? _dense!.Forward(y, residual: h);
    }
}
