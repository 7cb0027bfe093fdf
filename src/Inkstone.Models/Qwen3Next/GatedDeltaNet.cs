using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>
/// Linear attention by the gated delta rule (arXiv:2412.06464): a short convolution over queries, keys and values, a state per head, a
/// gated norm.
/// <c>in_proj_qkvz</c> and <c>in_proj_ba</c> hold their parts key head by key head.
/// </summary>
internal sealed class GatedDeltaNet : IDeltaNet
{
    private readonly DeltaSpec _d;
    private readonly float _eps;
    private readonly int _layer;
    private readonly Linear _inProjQkvz,
        _inProjBa,
        _outProj;
    private readonly Tensor _conv,
        _dtBias,
        _aLog,
        _norm;
    private readonly ColumnRuns _qkv,
        _z,
        _b,
        _a;

    /// <summary>Builds the layer at <paramref name="s"/>.</summary>
    public GatedDeltaNet(Qwen3NextConfig c, int layer, Scope s)
    {
        DeltaSpec d = c.Delta;
        (_d, _eps, _layer) = (d, c.RmsNormEps, layer);
        _inProjQkvz = new Linear(s["in_proj_qkvz"], c.HiddenSize, d.Channels + d.ValueWidth);
        _inProjBa = new Linear(s["in_proj_ba"], c.HiddenSize, 2 * d.ValueHeads);
        _conv = s["conv1d"].Parameter("weight", new Shape(d.Channels, 1, d.Kernel), Initial.Normal);
        _dtBias = s.Parameter("dt_bias", new Shape(d.ValueHeads), Initial.Ones);
        _aLog = s.Parameter("A_log", new Shape(d.ValueHeads), Initial.LogRate);
        _norm = s["norm"].Parameter("weight", new Shape(d.ValueDim), Initial.Ones);
        _outProj = new Linear(s["out_proj"], d.ValueWidth, c.HiddenSize);

        int heads = d.KeyHeads,
            group = d.ValueHeads / heads,
            key = d.KeyDim,
            value = group * d.ValueDim,
            stride = 2 * (key + value);
        _qkv = new ColumnRuns(
            ColumnRuns
                .OfHeads(heads, stride, 0, key)
                .Concat(ColumnRuns.OfHeads(heads, stride, key, key))
                .Concat(ColumnRuns.OfHeads(heads, stride, 2 * key, value))
        );
        _z = new ColumnRuns(ColumnRuns.OfHeads(heads, stride, 2 * key + value, value));
        _b = new ColumnRuns(ColumnRuns.OfHeads(heads, 2 * group, 0, group));
        _a = new ColumnRuns(ColumnRuns.OfHeads(heads, 2 * group, group, group));
    }

    /// <inheritdoc/>
    public long ActivationsPerToken => 4L * _d.KeyWidth + 6L * _d.ValueWidth + (long)_d.ValueWidth * _d.KeyDim / 64;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        Tensor qkvz = _inProjQkvz.Forward(x),
            ba = _inProjBa.Forward(x);
        Tensor qkv = ctx.Convolve(_layer, Ops.Columns(qkvz, _qkv), _conv); // [B, T, 2·Hk·D + Hv·Dv]
        Tensor beta = Ops.Sigmoid(Ops.Columns(ba, _b)); // [B, T, Hv]
        Tensor decay = Ops.LogDecay(Ops.Columns(ba, _a), _aLog, _dtBias); // [B, T, Hv]
        Tensor o = ctx.DeltaRule(_layer, qkv, decay, beta, _d);
        return _outProj.Forward(Ops.RmsNormGated(o, Ops.Columns(qkvz, _z), _norm, _eps), residual);
    }
}
