using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Olmo2;

/// <summary>Grouped-query attention with one norm over all heads of q, and one over those of k, before they are rotated.</summary>
internal sealed class Olmo2Attention(Olmo2Config c, int layer, Scope s, RotaryTable rotary)
{
    private readonly AttentionSpec _spec = c.Attention[layer];
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention[layer].QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention[layer].QueryWidth, c.HiddenSize, c.AttentionBias);
    private readonly RmsNorm _qNorm = new(s["q_norm"], c.Attention[layer].QueryWidth, c.RmsNormEps);
    private readonly RmsNorm _kNorm = new(s["k_norm"], c.Attention[layer].KeyWidth, c.RmsNormEps);

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(_qNorm.Forward(q), _spec.Heads, rotary);
        k = ctx.Rope(_kNorm.Forward(k), _spec.KeyValueHeads, rotary);
        return _o.Forward(ctx.Attend(layer, q, k, v, _spec)); // [B, T, C]
    }
}

/// <summary>Decoder block that norms what its branches give, not what they take (arXiv:2501.00656, section 3.3).</summary>
internal sealed class Olmo2Block(Olmo2Config c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly Olmo2Attention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, activation: c.Activation);
    private readonly RmsNorm _postFeedforwardNorm = new(s["post_feedforward_layernorm"], c.HiddenSize, c.RmsNormEps);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention[layer];

    /// <inheritdoc/>
    public long ActivationsPerToken => 10L * c.HiddenSize + 3L * c.Attention[layer].KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = Ops.Add(x, _postAttentionNorm.Forward(_attention.Forward(x, ctx)));
        return Ops.Add(h, _postFeedforwardNorm.Forward(_mlp.Forward(h)));
    }
}
