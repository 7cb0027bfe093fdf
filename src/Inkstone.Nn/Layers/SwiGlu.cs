using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Gated feed-forward layer, down(f(gate(x)) · up(x)), f usually SiLU (arXiv:2002.05202).</summary>
public sealed class SwiGlu(Scope scope, int hiddenSize, int intermediateSize, bool bias = false, Activation activation = Activation.Silu)
{
    private readonly Linear _gate = new(scope["gate_proj"], hiddenSize, intermediateSize, bias);
    private readonly Linear _up = new(scope["up_proj"], hiddenSize, intermediateSize, bias);
    private readonly Linear _down = new(scope["down_proj"], intermediateSize, hiddenSize, bias);

    /// <summary>x: [..., C].</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null)
        => _down.Forward(Ops.GatedLinearUnit(_gate.ForwardCompact(x), _up.ForwardCompact(x), activation, compact: true), residual);
}
