using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Models.Mistral;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Mixtral;

/// <summary>Mixtral (arXiv:2401.04088): Mistral's attention, every feed-forward layer of experts.</summary>
internal static class MixtralFamily
{
    /// <summary><c>mixtral</c>.</summary>
    public static ModelFamily Mixtral { get; } =
        new(
            "mixtral",
            Build,
            ["sliding_window", "num_local_experts", "num_experts", "num_experts_per_tok", "output_router_logits", "router_aux_loss_coef"]
        )
        {
            Harmless = ["attention_bias"],
            Gguf = MixtralGguf.Architecture,
        };

    private static DecoderModel<MixtralBlock> Build(HfConfig config, Scope root)
    {
        LlamaConfig c = MistralFamily.Config(config);
        if (!config.Has("sliding_window"))
        {
            c = c with { Attention = c.Attention with { Window = null } }; // no window where the key is absent, unlike Mistral
        }
        int experts = ExpertConfig.Experts(config, 8),
            chosen = config.Int("num_experts_per_tok", 2);
        ConfigCheck.Positive(config, ("num_local_experts", experts), ("num_experts_per_tok", chosen));
        ConfigCheck.AtMost(config, "num_experts_per_tok", chosen, "num_local_experts", experts);
        ConfigCheck.Silu(config);
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim, absentTheta: 1_000_000);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings)
            {
                RouterAuxLoss = ExpertConfig.AuxLoss(config),
            },
            (layer, s) => new MixtralBlock(c, experts, chosen, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}

/// <summary>Pre-norm decoder block with experts, whose weights always sum to 1.</summary>
internal sealed class MixtralBlock(LlamaConfig c, int experts, int chosen, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly LlamaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SparseExperts _sparse = new(
        s["block_sparse_moe"],
        new SparseExpertsSettings(c.HiddenSize, c.IntermediateSize, experts, RouterScoring.Softmax, new RoutingRule(chosen))
        {
            Names = ("w1", "w3", "w2"),
        }
    );

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken =>
        7L * c.HiddenSize + 2L * c.Attention.KeyWidth + chosen * (3L * c.IntermediateSize + 2L * c.HiddenSize);

    /// <inheritdoc/>
    public ExpertRouter Router => _sparse.Router;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _sparse.Forward(_postAttentionNorm.Forward(h), residual: h, ctx.AttentionMask);
    }
}
