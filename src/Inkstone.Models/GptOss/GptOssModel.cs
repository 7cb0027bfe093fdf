using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.GptOss;

/// <summary>Grouped-query attention with biases, and with a sink per head that takes part in the softmax.</summary>
internal sealed class GptOssAttention(GptOssConfig c, int layer, Scope s, RotaryTable rotary)
{
    private readonly AttentionSpec _spec = c.Attention[layer];
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention[layer].QueryWidth, bias: true);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, bias: true);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention[layer].KeyWidth, bias: true);
    private readonly Linear _o = new(s["o_proj"], c.Attention[layer].QueryWidth, c.HiddenSize, bias: true);
    private readonly Tensor _sinks = s.Parameter("sinks", new Shape(c.Attention[layer].Heads), Initial.Normal);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(q, _spec.Heads, rotary);
        k = ctx.Rope(k, _spec.KeyValueHeads, rotary);
        return _o.Forward(ctx.Attend(layer, q, k, v, _spec, _sinks), residual); // [B, T, C]
    }
}

/// <summary>
/// Experts with biases and a clamped gate; <c>gate_up_proj</c> holds gate and up in turns. A router's softmax over the chosen is that over
/// all, normed.
/// </summary>
internal sealed class GptOssExperts
{
    private readonly Tensor _gateUp,
        _gateUpBias,
        _down,
        _downBias; // [E, C, 2F], [E, 2F], [E, F, C], [E, C]
    private readonly ColumnRuns _gate,
        _up;
    private readonly float _limit,
        _alpha;

    /// <summary>Builds the layer at <paramref name="s"/>.</summary>
    public GptOssExperts(GptOssConfig c, Scope s)
    {
        Router = new ExpertRouter(
            s["router"],
            new SparseExpertsSettings(
                c.HiddenSize,
                c.IntermediateSize,
                c.NumLocalExperts,
                RouterScoring.Softmax,
                new RoutingRule(c.NumExpertsPerTok)
            )
            {
                RouterBias = true,
            }
        );
        (int experts, int width, int inner) = (c.NumLocalExperts, c.HiddenSize, c.IntermediateSize);
        Scope e = s["experts"];
        _gateUp = e.Parameter("gate_up_proj", new Shape(experts, width, 2 * inner), Initial.Normal);
        _gateUpBias = e.Parameter("gate_up_proj_bias", new Shape(experts, 2 * inner), Initial.Zeros);
        _down = e.Parameter("down_proj", new Shape(experts, inner, width), Initial.Normal);
        _downBias = e.Parameter("down_proj_bias", new Shape(experts, width), Initial.Zeros);
        (_gate, _up) = (new ColumnRuns(ColumnRuns.OfHeads(inner, 2, 0, 1)), new ColumnRuns(ColumnRuns.OfHeads(inner, 2, 1, 1)));
        (_limit, _alpha) = (c.SwigluLimit, c.SwigluAlpha);
    }

    /// <summary>Who chooses.</summary>
    public ExpertRouter Router { get; }

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result; <paramref name="mask"/> as in
    /// <see cref="ForwardContext.AttentionMask"/>.</summary>
    public Tensor Forward(Tensor x, Tensor residual, Tensor? mask)
    {
        ExpertRouting routing = Router.Forward(x, mask);
        Tensor rows = Ops.ExpertDispatch(x, routing); // [pairs, C]
        Tensor both = Ops.StackedBias(Ops.StackedLinear(rows, _gateUp, routing.Offsets, inputsFirst: true), _gateUpBias, routing.Offsets);
        Tensor h = Ops.ClampedSwiGlu(Ops.Columns(both, _gate), Ops.Columns(both, _up), _limit, _alpha);
        Tensor y = Ops.StackedBias(Ops.StackedLinear(h, _down, routing.Offsets, inputsFirst: true), _downBias, routing.Offsets);
        return Ops.ExpertCombine(y, routing, x.Shape, residual);
    }
}

/// <summary>Pre-norm decoder block.</summary>
internal sealed class GptOssBlock(GptOssConfig c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly GptOssAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly GptOssExperts _experts = new(c, s["mlp"]);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention[layer];

    /// <inheritdoc/>
    public long ActivationsPerToken =>
        7L * c.HiddenSize + 2L * c.Attention[layer].KeyWidth + c.NumExpertsPerTok * (7L * c.IntermediateSize + 3L * c.HiddenSize);

    /// <inheritdoc/>
    public ExpertRouter Router => _experts.Router;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _experts.Forward(_postAttentionNorm.Forward(h), residual: h, ctx.AttentionMask);
    }
}
