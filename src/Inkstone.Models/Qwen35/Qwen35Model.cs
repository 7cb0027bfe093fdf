using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen35;

/// <summary>Linear attention by the gated delta rule (arXiv:2412.06464), with a projection each for queries, keys and values together, for the gate, for β and for the decay.</summary>
internal sealed class Qwen35DeltaNet(Qwen3NextConfig c, int layer, Scope s)
{
    private readonly DeltaSpec _d = c.Delta;
    private readonly Linear _qkv = new(s["in_proj_qkv"], c.HiddenSize, c.Delta.Channels);
    private readonly Linear _z = new(s["in_proj_z"], c.HiddenSize, c.Delta.ValueWidth);
    private readonly Linear _b = new(s["in_proj_b"], c.HiddenSize, c.Delta.ValueHeads);
    private readonly Linear _a = new(s["in_proj_a"], c.HiddenSize, c.Delta.ValueHeads);
    private readonly Tensor _conv = s["conv1d"].Parameter("weight", new Shape(c.Delta.Channels, 1, c.Delta.Kernel), Initial.Normal);
    private readonly Tensor _dtBias = s.Parameter("dt_bias", new Shape(c.Delta.ValueHeads), Initial.Ones);
    private readonly Tensor _aLog = s.Parameter("A_log", new Shape(c.Delta.ValueHeads), Initial.LogRate);
    private readonly Tensor _norm = s["norm"].Parameter("weight", new Shape(c.Delta.ValueDim), Initial.Ones);
    private readonly Linear _outProj = new(s["out_proj"], c.Delta.ValueWidth, c.HiddenSize);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor qkv = ctx.Convolve(layer, _qkv.Forward(x), _conv);                                  // [B, T, 2·Hk·D + Hv·Dv]
        Tensor beta = Ops.Sigmoid(_b.Forward(x));                                                           // [B, T, Hv]
        Tensor decay = Ops.LogDecay(_a.Forward(x), _aLog, _dtBias);                                         // [B, T, Hv]
        Tensor o = ctx.DeltaRule(layer, qkv, decay, beta, _d);
        return _outProj.Forward(Ops.RmsNormGated(o, _z.Forward(x), _norm, c.RmsNormEps), residual);
    }
}

/// <summary>Pre-norm decoder block: gated delta net or gated attention, then experts or one dense layer.</summary>
internal sealed class Qwen35Block : IDecoderBlock
{
    private readonly RmsNorm _inputNorm, _postAttentionNorm;
    private readonly Qwen35DeltaNet? _linear;
    private readonly GatedAttention? _attention;
    private readonly SwiGlu? _dense;
    private readonly SharedSparseExperts? _sparse;

    /// <summary>Builds the block.</summary>
    public Qwen35Block(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _linear = c.Linear[layer] ? new Qwen35DeltaNet(c, layer, s["linear_attn"]) : null;
        _attention = c.Linear[layer] ? null : new GatedAttention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _sparse = !c.Sparse[layer] ? null : new SharedSparseExperts(s["mlp"], new SparseExpertsSettings(c.HiddenSize, c.MoeIntermediateSize, c.NumExperts, RouterScoring.Softmax,
            new RoutingRule(c.NumExpertsPerTok)), c.SharedExpertIntermediateSize);
        _dense = c.Sparse[layer] ? null : new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
        Cache = c.Linear[layer] ? c.Delta : c.Attention;
        ActivationsPerToken = 4L * c.HiddenSize
            + (c.Linear[layer] ? 3L * c.Delta.KeyWidth + 5L * c.Delta.ValueWidth + (long)c.Delta.ValueWidth * c.Delta.KeyDim / 64 : 6L * c.Attention.QueryWidth + 3L * c.Attention.KeyWidth)
            + (c.Sparse[layer] ? c.NumExpertsPerTok * (5L * c.MoeIntermediateSize + 2L * c.HiddenSize) + 3L * c.SharedExpertIntermediateSize + 2L * c.HiddenSize : 3L * c.IntermediateSize);
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
