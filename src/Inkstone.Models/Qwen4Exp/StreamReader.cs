using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>
/// What a layer reads of n residual streams: each normed by itself, weighed number by number by a gate of all of them through a narrow
/// waist, and averaged. There are no other norms in the model.
/// </summary>
/// <remarks><code>Y_i = rms(X_i)        f = Y_1 … Y_n        u = mean_i(σ(up · silu(down · f / n))_i ∘ Y_i)        inject = 2σ(W · f /
/// n)</code></remarks>
internal sealed class StreamReader
{
    private readonly int _streams;
    private readonly RmsNorm _norm;
    private readonly Linear _down,
        _up;
    private readonly Linear? _inject;

    /// <summary>Builds the reader at <paramref name="s"/>; <paramref name="injects"/>: whether it says, too, how much of the layer's result
    /// each stream takes.</summary>
    public StreamReader(Qwen4ExpConfig c, Scope s, bool injects)
    {
        _streams = c.Streams;
        _norm = new RmsNorm(s["hc_norm"], c.Width, c.Core.RmsNormEps, zeroCentred: true, c.Streams);
        _down = new Linear(s["input_mix_weight_down"], c.Width, c.LowRank);
        _up = new Linear(s["input_mix_weight_up"], c.LowRank, c.Width);
        _inject = injects ? new Linear(s["block_inject_weight"], c.Width, c.Streams) : null;
    }

    /// <summary>x: [B, T, n·C] → [B, T, C].</summary>
    public Tensor Read(Tensor x) => Read(x, out _);

    /// <summary>The same, and how much of the layer's result each stream takes, [B, T, n].</summary>
    public Tensor Read(Tensor x, out Tensor? inject)
    {
        Tensor y = _norm.Forward(x);
        Tensor gate = _up.Forward(Ops.Silu(Ops.Scale(_down.Forward(y), 1f / _streams))); // [B, T, n·C]
        inject = _inject is null ? null : Ops.Scale(Ops.Sigmoid(Ops.Scale(_inject.Forward(y), 1f / _streams)), 2);
        return Ops.StreamSum(Ops.SigmoidGate(y, gate), _streams);
    }
}
