using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen35;

/// <summary>Linear attention by the gated delta rule (arXiv:2412.06464), with a projection each for queries, keys and values together, for
/// the gate, for β and for the decay. The output is gated by SiLU, or by a sigmoid (Qwen4).</summary>
internal sealed class Qwen35DeltaNet(Qwen3NextConfig c, int layer, Scope s, bool sigmoidGate = false) : IDeltaNet
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

    /// <inheritdoc/>
    public long ActivationsPerToken => 3L * _d.KeyWidth + 5L * _d.ValueWidth + (long)_d.ValueWidth * _d.KeyDim / 64;

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        Tensor qkv = ctx.Convolve(layer, _qkv.Forward(x), _conv); // [B, T, 2·Hk·D + Hv·Dv]
        Tensor beta = Ops.Sigmoid(_b.Forward(x)); // [B, T, Hv]
        Tensor decay = Ops.LogDecay(_a.Forward(x), _aLog, _dtBias); // [B, T, Hv]
        Tensor o = ctx.DeltaRule(layer, qkv, decay, beta, _d);
        return _outProj.Forward(
            sigmoidGate ? Ops.SigmoidGate(Normed(o), _z.Forward(x)) : Ops.RmsNormGated(o, _z.Forward(x), _norm, c.RmsNormEps),
            residual
        );
    }

    private Tensor Normed(Tensor o)
    {
        Shape heads = new(o.Shape.Rows * _d.ValueHeads, _d.ValueDim);
        return Ops.RmsNorm(o.View(heads), _norm, c.RmsNormEps).View(o.Shape);
    }
}
