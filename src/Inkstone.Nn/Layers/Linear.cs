using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>y = x·Wᵀ (+ b).</summary>
public sealed class Linear(Scope scope, int inputs, int outputs, bool bias = false)
{
    private readonly Tensor? _bias = bias ? scope.Parameter("bias", new Shape(outputs), Initial.Zeros) : null;

    /// <summary>[outputs, inputs].</summary>
    public Tensor Weight { get; } = scope.Parameter("weight", new Shape(outputs, inputs), Initial.Normal);

    /// <summary>x: [..., inputs]; <paramref name="residual"/>, shaped as the result, is added to it.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) => Ops.Linear(x, Weight, _bias, residual);
}
