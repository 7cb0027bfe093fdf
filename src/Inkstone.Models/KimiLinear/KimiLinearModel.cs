using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.KimiLinear;

/// <summary>Pre-norm decoder block: KDA or latent attention without positions, then experts with a shared one, or one dense
/// layer.</summary>
internal sealed class KimiLinearBlock : IDecoderBlock
{
    private readonly RmsNorm _inputNorm,
        _postAttentionNorm;
    private readonly KimiDeltaAttention? _linear;
    private readonly DeepseekV3Attention? _attention;
    private readonly SwiGlu? _dense; // the whole layer, or the shared experts of a sparse one
    private readonly SparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    public KimiLinearBlock(KimiLinearConfig c, int layer, Scope s)
    {
        DeepseekV3Config m = c.Mla;
        _inputNorm = new RmsNorm(s["input_layernorm"], m.HiddenSize, m.RmsNormEps);
        _linear = c.Linear[layer] ? new KimiDeltaAttention(c, layer, s["self_attn"]) : null;
        _attention = c.Linear[layer] ? null : new DeepseekV3Attention(m, layer, s["self_attn"], rotary: null);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], m.HiddenSize, m.RmsNormEps);
        Cache = c.Linear[layer] ? c.Delta : m.Latent;
        long linear = 13L * c.Delta.Width + (long)c.Delta.Width * c.Delta.HeadDim / 32;
        long latent = (m.QLoraRank ?? 0) * 2L + 2L * m.KvLoraRank + m.NumAttentionHeads * (4L * m.QkHeadDim + 3L * m.VHeadDim);
        long experts = m.Routing.TopK * (3L * m.MoeIntermediateSize + 2L * m.HiddenSize) + 3L * m.NSharedExperts * m.MoeIntermediateSize;
        ActivationsPerToken =
            5L * m.HiddenSize + (c.Linear[layer] ? linear : latent) + (c.Sparse[layer] ? experts : 3L * m.IntermediateSize);
        if (!c.Sparse[layer])
        {
            _dense = new SwiGlu(s["mlp"], m.HiddenSize, m.IntermediateSize);
            return;
        }
        Scope moe = s["block_sparse_moe"];
        _sparse = new SparseExperts(
            moe,
            new SparseExpertsSettings(m.HiddenSize, m.MoeIntermediateSize, m.NRoutedExperts, m.Scoring, m.Routing, m.CorrectionBias)
            {
                Names = ("w1", "w3", "w2"),
            }
        );
        _dense = m.NSharedExperts > 0 ? new SwiGlu(moe["shared_experts"], m.HiddenSize, m.MoeIntermediateSize * m.NSharedExperts) : null;
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
        Tensor y = _inputNorm.Forward(x);
        Tensor h = _linear?.Forward(y, ctx, residual: x) ?? _attention!.Forward(y, ctx, residual: x);
        y = _postAttentionNorm.Forward(h);
        h = _dense?.Forward(y, residual: h) ?? h;
        return _sparse?.Forward(y, residual: h, ctx.AttentionMask) ?? h;
    }
}

/// <summary>Kimi Linear (arXiv:2510.26692). Routers are balanced as DeepSeek-V3's, by a bias that follows their load.</summary>
internal sealed class KimiLinearModel(HfConfig config, Scope root, KimiLinearConfig c)
    : DecoderModel<KimiLinearBlock>(
        config,
        root,
        new DecoderShape(c.Mla.VocabSize, c.Mla.HiddenSize, c.NumHiddenLayers, Tied: false)
        {
            MaxPositionEmbeddings = config.Int("model_max_length", 0),
        },
        (layer, s) => new KimiLinearBlock(c, layer, s),
        s => new RmsNorm(s, c.Mla.HiddenSize, c.Mla.RmsNormEps).Forward
    )
{
    private readonly double _biasRate = c.BiasRate;

    /// <inheritdoc/>
    protected override double RouterBiasRate => Pretraining ? _biasRate : 0;

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics => [];
}
