using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Gated feed-forward layer, down(f(gate(x)) · up(x)), f usually SiLU (arXiv:2002.05202).</summary>
/// <param name="scope">its place</param>
/// <param name="hiddenSize">C</param>
/// <param name="intermediateSize">width inside</param>
/// <param name="bias">whether its matrices have biases</param>
/// <param name="activation">f</param>
/// <param name="names">names of gate, up and down; null: gate_proj, up_proj, down_proj</param>
/// <param name="limit">bound of what goes into SiLU and, on both sides, of what is multiplied with it; 0: none</param>
public sealed class SwiGlu(
    Scope scope,
    int hiddenSize,
    int intermediateSize,
    bool bias = false,
    Activation activation = Activation.Silu,
    (string Gate, string Up, string Down)? names = null,
    float limit = 0
)
{
    private readonly Linear _gate = new(scope[names?.Gate ?? "gate_proj"], hiddenSize, intermediateSize, bias);
    private readonly Linear _up = new(scope[names?.Up ?? "up_proj"], hiddenSize, intermediateSize, bias);
    private readonly Linear _down = new(scope[names?.Down ?? "down_proj"], intermediateSize, hiddenSize, bias);

    /// <summary>x: [..., C].</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        if (limit > 0)
        {
            return _down.Forward(Ops.ClampedSwiGlu(_gate.Forward(x), _up.Forward(x), limit, alpha: 1, offset: 0), residual);
        }
        (Tensor gate, Tensor up) = Linear.ForwardCompact(x, _gate, _up);
        return _down.Forward(Ops.GatedLinearUnit(gate, up, activation, compact: true), residual);
    }
}
