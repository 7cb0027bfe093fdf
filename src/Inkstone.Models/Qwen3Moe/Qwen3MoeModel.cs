using Inkstone.Models.Qwen3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Moe;

/// <summary>Pre-norm decoder block whose feed-forward layer is sparse or dense.</summary>
internal sealed class Qwen3MoeBlock : IDecoderBlock
{
    private readonly RmsNorm _inputNorm,
        _postAttentionNorm;
    private readonly Qwen3Attention _attention;
    private readonly SwiGlu? _dense;
    private readonly SparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    public Qwen3MoeBlock(Qwen3MoeConfig c, int layer, Scope s, RotaryTable rotary)
    {
        AttentionSpec attention = c.Attention[layer];
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
        _attention = new Qwen3Attention(attention, c.HiddenSize, c.RmsNormEps, c.AttentionBias, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
        _sparse = !c.Sparse[layer]
            ? null
            : new SparseExperts(
                s["mlp"],
                new SparseExpertsSettings(
                    c.HiddenSize,
                    c.MoeIntermediateSize,
                    c.NumExperts,
                    RouterScoring.Softmax,
                    new RoutingRule(c.NumExpertsPerTok, Normalise: c.NormTopkProb)
                )
            );
        _dense = c.Sparse[layer] ? null : new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
        Cache = attention;
        ActivationsPerToken =
            7L * c.HiddenSize
            + 2L * attention.KeyWidth
            + (c.Sparse[layer] ? c.NumExpertsPerTok * (3L * c.MoeIntermediateSize + 2L * c.HiddenSize) : 3L * c.IntermediateSize);
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
