using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>A layer of linear attention in such a block: x [B, T, C], normed, and the residual that is added to the result, or
/// null.</summary>
internal interface IDeltaNet
{
    /// <summary>[B, T, C].</summary>
    Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual);

    /// <summary>Floats that training keeps of each token, about.</summary>
    long ActivationsPerToken { get; }
}

/// <summary>Pre-norm decoder block of Qwen3-Next and Qwen3.5: gated delta net or gated attention, then experts or one dense
/// layer.</summary>
internal sealed class Qwen3NextBlock : IDecoderBlock
{
    private readonly RmsNorm _inputNorm,
        _postAttentionNorm;
    private readonly IDeltaNet? _linear;
    private readonly GatedAttention? _attention;
    private readonly SwiGlu? _dense;
    private readonly SharedSparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    /// <param name="c">sizes</param>
    /// <param name="layer">number of the layer</param>
    /// <param name="s">its place</param>
    /// <param name="rotary">positions of attention</param>
    /// <param name="linear">the family's delta net at its place</param>
    /// <param name="expertWidths">how often an expert's width is kept of a token: 3 where gate and up are two tensors, 5 where they are one
    /// that is taken apart</param>
    public Qwen3NextBlock(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary, Func<Scope, IDeltaNet> linear, int expertWidths)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _linear = c.Linear[layer] ? linear(s["linear_attn"]) : null;
        _attention = c.Linear[layer] ? null : new GatedAttention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _sparse = c.Sparse[layer]
            ? new SharedSparseExperts(
                s["mlp"],
                new SparseExpertsSettings(
                    c.HiddenSize,
                    c.MoeIntermediateSize,
                    c.NumExperts,
                    RouterScoring.Softmax,
                    new RoutingRule(c.NumExpertsPerTok, Normalise: c.NormTopkProb)
                ),
                c.SharedExpertIntermediateSize
            )
            : null;
        _dense = c.Sparse[layer] ? null : new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
        Cache = c.Linear[layer] ? c.Delta : c.Attention;
        ActivationsPerToken =
            4L * c.HiddenSize
            + (_linear?.ActivationsPerToken ?? 6L * c.Attention.QueryWidth + 3L * c.Attention.KeyWidth)
            + (
                c.Sparse[layer]
                    ? c.NumExpertsPerTok * ((long)expertWidths * c.MoeIntermediateSize + 2L * c.HiddenSize)
                        + 3L * c.SharedExpertIntermediateSize
                        + 2L * c.HiddenSize
                    : 3L * c.IntermediateSize
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
        Tensor y = _inputNorm.Forward(x);
        Tensor h = _linear?.Forward(y, ctx, residual: x) ?? _attention!.Forward(y, ctx, residual: x);
        y = _postAttentionNorm.Forward(h);
        return _sparse?.Forward(y, residual: h, ctx.AttentionMask) ?? _dense!.Forward(y, residual: h);
    }
}
