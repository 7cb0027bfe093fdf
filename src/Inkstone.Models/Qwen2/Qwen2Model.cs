using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen2;

/// <summary>Grouped-query attention with biases on q, k and v (arXiv:2407.10671, section 2.2).</summary>
internal sealed class Qwen2Attention(Qwen2Config c, int layer, Scope s, RotaryTable rotary, bool qkvBias = true)
{
    private readonly AttentionSpec _spec = c.Attention[layer];
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention[layer].QueryWidth, qkvBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, qkvBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, qkvBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention[layer].QueryWidth, c.HiddenSize);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual = null)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(q, _spec.Heads, rotary);
        k = ctx.Rope(k, _spec.KeyValueHeads, rotary);
        Tensor y = ctx.Attend(layer, q, k, v, _spec); // [B, T, H·D]
        return _o.Forward(y, residual); // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block.</summary>
internal sealed class Qwen2Block(Qwen2Config c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Qwen2Attention _attention = new(c, layer, s["self_attn"], rotary);
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
