using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>Pre-norm decoder block, dense or sparse; a sparse one has experts that every token uses beside those it is routed to.</summary>
internal sealed class DeepseekV3Block : IDecoderBlock
{
    private readonly RmsNorm _inputNorm,
        _postAttentionNorm;
    private readonly DeepseekV3Attention _attention;
    private readonly SwiGlu? _dense; // the whole layer, or the shared experts of a sparse one
    private readonly SparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    public DeepseekV3Block(DeepseekV3Config c, int layer, Scope s, RotaryTable rotary, bool sparse)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
        _attention = new DeepseekV3Attention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
        Cache = c.Latent;
        long attention = (c.QLoraRank ?? 0) * 2L + 2L * c.KvLoraRank + c.NumAttentionHeads * (4L * c.QkHeadDim + 3L * c.VHeadDim);
        long experts = c.Routing.TopK * (3L * c.MoeIntermediateSize + 2L * c.HiddenSize) + 3L * c.NSharedExperts * c.MoeIntermediateSize;
        ActivationsPerToken = 5L * c.HiddenSize + attention + (sparse ? experts : 3L * c.IntermediateSize);
        if (!sparse)
        {
            _dense = new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
            return;
        }
        _sparse = new SparseExperts(
            s["mlp"],
            new SparseExpertsSettings(c.HiddenSize, c.MoeIntermediateSize, c.NRoutedExperts, c.Scoring, c.Routing, c.CorrectionBias)
        );
        _dense =
            c.NSharedExperts > 0 ? new SwiGlu(s["mlp"]["shared_experts"], c.HiddenSize, c.MoeIntermediateSize * c.NSharedExperts) : null;
    }

    /// <summary>Who chooses the keys that attention sees, or null.</summary>
    public Indexer? Indexer => _attention.Indexer;

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
        h = _dense?.Forward(y, residual: h) ?? h;
        return _sparse?.Forward(y, residual: h, ctx.AttentionMask) ?? h;
    }
}
