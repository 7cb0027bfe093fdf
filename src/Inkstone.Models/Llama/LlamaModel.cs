using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Llama;

/// <summary>Grouped-query attention (arXiv:2305.13245) with rotary positions (arXiv:2104.09864).</summary>
internal sealed class LlamaAttention(LlamaConfig c, int layer, Scope s, RotaryTable? rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention.QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention.QueryWidth, c.HiddenSize, c.AttentionBias);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual = null)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = Turn(q, c.Attention.Heads, ctx);
        k = Turn(k, c.Attention.KeyValueHeads, ctx);
        Tensor y = ctx.Attend(layer, q, k, v, c.Attention); // [B, T, H·D]
        return _o.Forward(y, residual); // [B, T, C]
    }

    private Tensor Turn(Tensor x, int heads, ForwardContext ctx) =>
        rotary is null ? x : ctx.Rope(x, heads, rotary, interleaved: c.InterleavedRope);
}

/// <summary>Pre-norm decoder block of Llama 3 (arXiv:2407.21783, section 3.2). Without a table queries and keys are not rotated.</summary>
internal sealed class LlamaBlock(LlamaConfig c, int layer, Scope s, RotaryTable? rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly LlamaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, c.MlpBias, c.Activation);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 7L * c.HiddenSize + 2L * c.Attention.KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _mlp.Forward(_postAttentionNorm.ForwardCompact(h), residual: h);
    }
}
