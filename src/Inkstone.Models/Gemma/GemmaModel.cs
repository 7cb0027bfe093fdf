using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Gemma;

/// <summary>Grouped-query attention of Gemma 2 and 3; Gemma 3 norms each head of q and k.</summary>
internal sealed class GemmaAttention(GemmaConfig c, int layer, Scope s, RotaryTable rotary)
{
    private readonly AttentionSpec _spec = c.Attention[layer];
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention[layer].QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention[layer].QueryWidth, c.HiddenSize, c.AttentionBias);
    private readonly RmsNorm? _qNorm = c.NormsHeads ? new(s["q_norm"], c.Attention[layer].HeadDim, c.RmsNormEps, zeroCentred: true) : null;
    private readonly RmsNorm? _kNorm = c.NormsHeads ? new(s["k_norm"], c.Attention[layer].HeadDim, c.RmsNormEps, zeroCentred: true) : null;

    /// <summary>x: [B, T, C], normed.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(_qNorm?.Heads(q) ?? q, _spec.Heads, rotary);
        k = ctx.Rope(_kNorm?.Heads(k) ?? k, _spec.KeyValueHeads, rotary);
        return _o.Forward(ctx.Attend(layer, q, k, v, _spec)); // [B, T, C]
    }
}

/// <summary>Decoder block with norms before and behind both branches (arXiv:2408.00118, section 2).</summary>
internal sealed class GemmaBlock(GemmaConfig c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
    private readonly GemmaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
    private readonly RmsNorm _preFeedforwardNorm = new(s["pre_feedforward_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, activation: c.Activation);
    private readonly RmsNorm _postFeedforwardNorm = new(s["post_feedforward_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention[layer];

    /// <inheritdoc/>
    public long ActivationsPerToken => 11L * c.HiddenSize + 3L * c.Attention[layer].KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = Ops.Add(x, _postAttentionNorm.Forward(_attention.Forward(_inputNorm.ForwardCompact(x), ctx)));
        return Ops.Add(h, _postFeedforwardNorm.Forward(_mlp.Forward(_preFeedforwardNorm.ForwardCompact(h))));
    }
}
