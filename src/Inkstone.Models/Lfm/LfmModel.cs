using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Lfm;

/// <summary>Gated short convolution: what a token says is mixed over a few tokens, and weighed by the token before and behind, out(C ∘
/// conv(B ∘ u)).</summary>
internal sealed class ShortConvolution(LfmConfig c, int layer, Scope s)
{
    private readonly Linear _in = new(s["in_proj"], c.HiddenSize, 3 * c.HiddenSize, c.ConvBias);
    private readonly Tensor _conv = s["conv"].Parameter("weight", new Shape(c.HiddenSize, 1, c.Convolution.Kernel), Initial.Normal);
    private readonly Tensor? _bias = c.ConvBias ? s["conv"].Parameter("bias", new Shape(c.HiddenSize), Initial.Zeros) : null;
    private readonly Linear _out = new(s["out_proj"], c.HiddenSize, c.HiddenSize, c.ConvBias);

    /// <summary>x: [B, T, C], normed.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        Tensor parts = _in.Forward(x); // [B, T, 3C]: B, C, u
        Tensor mixed = Ops.Multiply(Ops.HeadColumns(parts, 1, 0, c.HiddenSize), Ops.HeadColumns(parts, 1, 2 * c.HiddenSize, c.HiddenSize));
        mixed = ctx.Convolve(layer, mixed, _conv, _bias, silu: false);
        return _out.Forward(Ops.Multiply(Ops.HeadColumns(parts, 1, c.HiddenSize, c.HiddenSize), mixed), residual); // [B, T, C]
    }
}

/// <summary>Grouped-query attention with normed heads; in LFM3 each head's output is weighed by a gate.</summary>
internal sealed class LfmAttention(LfmConfig c, AttentionSpec a, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, a.QueryWidth);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, a.KeyWidth);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, a.KeyWidth);
    private readonly Linear _o = new(s[c.Names.Output], a.QueryWidth, c.HiddenSize);
    private readonly RmsNorm _qNorm = new(s[c.Names.QNorm], a.HeadDim, c.NormEps);
    private readonly RmsNorm _kNorm = new(s[c.Names.KNorm], a.HeadDim, c.NormEps);
    private readonly Linear? _gate = c.Gated ? new(s["gate_proj"], c.HiddenSize, a.Heads) : null;

    /// <summary>x: [B, T, C], normed.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(_qNorm.Heads(q), a.Heads, rotary);
        k = ctx.Rope(_kNorm.Heads(k), a.KeyValueHeads, rotary);
        Tensor y = ctx.Attend(layer, q, k, v, a); // [B, T, H·D]
        return _o.Forward(_gate is null ? y : Ops.RowGate(y, _gate.Forward(x)), residual); // [B, T, C]
    }
}

/// <summary>Decoder block: a short convolution or attention, then a feed-forward layer, each between norms.</summary>
internal sealed class LfmBlock : IDecoderBlock
{
    private readonly RmsNorm _operatorNorm,
        _ffnNorm;
    private readonly RmsNorm? _postOperatorNorm,
        _postFfnNorm;
    private readonly ShortConvolution? _convolution;
    private readonly LfmAttention? _attention;
    private readonly SwiGlu _feedForward;

    /// <summary>Builds the block.</summary>
    public LfmBlock(LfmConfig c, int layer, Scope s, RotaryTable rotary)
    {
        _operatorNorm = new RmsNorm(s["operator_norm"], c.HiddenSize, c.NormEps);
        _ffnNorm = new RmsNorm(s["ffn_norm"], c.HiddenSize, c.NormEps);
        _postOperatorNorm = c.Sandwich ? new RmsNorm(s["post_operator_norm"], c.HiddenSize, c.NormEps) : null;
        _postFfnNorm = c.Sandwich ? new RmsNorm(s["post_ffn_norm"], c.HiddenSize, c.NormEps) : null;
        AttentionSpec? a = c.Attention[layer];
        _convolution = a is null ? new ShortConvolution(c, layer, s["conv"]) : null;
        _attention = a is null ? null : new LfmAttention(c, a, layer, s["self_attn"], rotary);
        _feedForward = new SwiGlu(s["feed_forward"], c.HiddenSize, c.FeedForwardSize, names: ("w1", "w3", "w2"));
        Cache = a is null ? c.Convolution : a;
        ActivationsPerToken =
            (c.Sandwich ? 8L : 4L) * c.HiddenSize
            + (a is null ? 9L * c.HiddenSize : 5L * a.QueryWidth + 4L * a.KeyWidth)
            + 3L * c.FeedForwardSize;
    }

    /// <inheritdoc/>
    public ICacheSpec Cache { get; }

    /// <inheritdoc/>
    public long ActivationsPerToken { get; }

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        if (_postOperatorNorm is null)
        {
            Tensor h = Mixed(x, ctx, residual: x);
            return _feedForward.Forward(_ffnNorm.ForwardCompact(h), residual: h);
        }
        Tensor mixed = Ops.Add(x, _postOperatorNorm.Forward(Mixed(x, ctx, residual: null)));
        return Ops.Add(mixed, _postFfnNorm!.Forward(_feedForward.Forward(_ffnNorm.ForwardCompact(mixed))));
    }

    private Tensor Mixed(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        Tensor y = _operatorNorm.Forward(x);
        return _convolution?.Forward(y, ctx, residual) ?? _attention!.Forward(y, ctx, residual);
    }
}
