using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.KimiLinear;

/// <summary>
/// Kimi Delta Attention (arXiv:2510.26692): linear attention by the delta rule, in which every channel of a key forgets at a rate of its
/// own; convolutions over queries, keys and values,
/// low-rank projections for the decay and for the gate of the output.
/// </summary>
internal sealed class KimiDeltaAttention(KimiLinearConfig c, int layer, Scope s)
{
    private static readonly string[] Parts = ["q", "k", "v"];

    private readonly Linear[] _projections = [.. Each(name => new Linear(s[name + "_proj"], c.Mla.HiddenSize, c.Delta.Width))];
    private readonly Tensor[] _convolutions =
    [
        .. Each(name => s[name + "_conv1d"].Parameter("weight", new Shape(c.Delta.Width, 1, c.Delta.Kernel), Initial.Normal)),
    ];
    private readonly Linear _fA = new(s["f_a_proj"], c.Mla.HiddenSize, c.Delta.HeadDim),
        _fB = new(s["f_b_proj"], c.Delta.HeadDim, c.Delta.Width);
    private readonly Linear _gA = new(s["g_a_proj"], c.Mla.HiddenSize, c.Delta.HeadDim),
        _gB = new(s["g_b_proj"], c.Delta.HeadDim, c.Delta.Width);
    private readonly Linear _b = new(s["b_proj"], c.Mla.HiddenSize, c.Delta.Heads);
    private readonly Tensor _aLog = s.Parameter("A_log", new Shape(1, 1, c.Delta.Heads, 1), Initial.LogRateFromOne);
    private readonly Tensor _dtBias = s.Parameter("dt_bias", new Shape(c.Delta.Width), Initial.TimeStep);
    private readonly RmsNorm _norm = new(s["o_norm"], c.Delta.HeadDim, c.Mla.RmsNormEps);
    private readonly Linear _o = new(s["o_proj"], c.Delta.Width, c.Mla.HiddenSize);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor q = Mixed(0, x, ctx),
            k = Mixed(1, x, ctx),
            v = Mixed(2, x, ctx); // [B, T, H·D]
        Tensor decay = Ops.LogDecay(_fB.Forward(_fA.Forward(x)), _aLog, _dtBias); // [B, T, H·D]
        Tensor beta = Ops.Sigmoid(_b.Forward(x)); // [B, T, H]
        Tensor o = _norm.Heads(ctx.ChannelDeltaRule(layer, q, k, v, decay, beta)); // [B, T, H·D]
        return _o.Forward(Ops.SigmoidGate(o, _gB.Forward(_gA.Forward(x))), residual); // [B, T, C]
    }

    private Tensor Mixed(int part, Tensor x, ForwardContext ctx) =>
        ctx.Convolve(layer, _projections[part].Forward(x), _convolutions[part], part: part);

    private static IEnumerable<T> Each<T>(Func<string, T> make) => Parts.Select(make);
}
