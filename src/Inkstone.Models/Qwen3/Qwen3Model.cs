using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3;

/// <summary>Grouped-query attention with a norm on each head of q and k (arXiv:2505.09388, section 2). Qwen3's sparse models have the
/// same.</summary>
/// <param name="spec">heads and window of this layer</param>
/// <param name="hiddenSize">C</param>
/// <param name="eps">of the norms of heads</param>
/// <param name="bias">whether all four projections have biases</param>
/// <param name="layer">number of the layer</param>
/// <param name="s">its place</param>
/// <param name="rotary">frequencies; null: queries and keys are not rotated</param>
internal sealed class Qwen3Attention(AttentionSpec spec, int hiddenSize, float eps, bool bias, int layer, Scope s, RotaryTable? rotary)
{
    private readonly Linear _q = new(s["q_proj"], hiddenSize, spec.QueryWidth, bias);
    private readonly Linear _k = new(s["k_proj"], hiddenSize, spec.KeyWidth, bias);
    private readonly Linear _v = new(s["v_proj"], hiddenSize, spec.KeyWidth, bias);
    private readonly Linear _o = new(s["o_proj"], spec.QueryWidth, hiddenSize, bias);
    private readonly RmsNorm _qNorm = new(s["q_norm"], spec.HeadDim, eps);
    private readonly RmsNorm _kNorm = new(s["k_norm"], spec.HeadDim, eps);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual = null)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = Turn(_qNorm.Heads(q), spec.Heads, ctx);
        k = Turn(_kNorm.Heads(k), spec.KeyValueHeads, ctx);
        Tensor y = ctx.Attend(layer, q, k, v, spec); // [B, T, H·D]
        return _o.Forward(y, residual); // [B, T, C]
    }

    private Tensor Turn(Tensor x, int heads, ForwardContext ctx) => rotary is null ? x : ctx.Rope(x, heads, rotary);
}

/// <summary>Pre-norm decoder block.</summary>
internal sealed class Qwen3Block(Qwen3Config c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Qwen3Attention _attention = new(
        c.Attention[layer],
        c.HiddenSize,
        c.RmsNormEps,
        c.AttentionBias,
        layer,
        s["self_attn"],
        rotary
    );
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, activation: c.Activation);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention[layer];

    /// <inheritdoc/>
    public long ActivationsPerToken => 7L * c.HiddenSize + 2L * c.Attention[layer].KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _mlp.Forward(_postAttentionNorm.ForwardCompact(h), residual: h);
    }
}
