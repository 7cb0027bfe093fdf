using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Gated feed-forward layer whose two inner projections are one matrix: <c>gate_up_proj</c> holds the gate's rows, then those of
/// up.</summary>
public sealed class FusedSwiGlu(Scope scope, int hiddenSize, int intermediateSize, Activation activation = Activation.Silu)
{
    private readonly Linear _gateUp = new(scope["gate_up_proj"], hiddenSize, 2 * intermediateSize);
    private readonly Linear _down = new(scope["down_proj"], intermediateSize, hiddenSize);

    /// <summary>x: [..., C].</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
    {
        Tensor both = _gateUp.Forward(x); // [..., 2F]
        Tensor gate = Ops.HeadColumns(both, 1, 0, intermediateSize),
            up = Ops.HeadColumns(both, 1, intermediateSize, intermediateSize);
        return _down.Forward(Ops.GatedLinearUnit(gate, up, activation, compact: true), residual);
    }
}
