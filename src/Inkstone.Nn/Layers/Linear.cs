using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>y = x·Wᵀ (+ b), with the low-rank adapter on top that the scope has for this place.</summary>
public sealed class Linear
{
    private readonly Tensor? _bias;
    private readonly Lora? _lora;

    /// <summary>The layer at <paramref name="scope"/>.</summary>
    public Linear(Scope scope, int inputs, int outputs, bool bias = false)
    {
        _bias = bias ? scope.Parameter("bias", new Shape(outputs), Initial.Zeros) : null;
        Weight = scope.Parameter("weight", new Shape(outputs, inputs), Initial.Normal);
        _lora = scope.LoraOn(Weight, _bias);
    }

    private Lora? Active => _lora is { IsActive: true } ? _lora : null;

    /// <summary>[outputs, inputs].</summary>
    public Tensor Weight { get; }

    /// <summary>Whether an adapter changes what <see cref="Weight"/> alone would give.</summary>
    public bool IsAdapted => _lora is not null;

    /// <summary>x: [..., inputs]; <paramref name="residual"/>, shaped as the result, is added to it.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) => Active?.Forward(x, _bias, residual) ?? Ops.Linear(x, Weight, _bias, residual);

    /// <summary>The same for results that only elementwise ops read: while a step in bfloat16 is recorded they are kept in bfloat16.</summary>
    public Tensor ForwardCompact(Tensor x) => Active?.Forward(x, _bias, null) ?? Ops.Linear(x, Weight, _bias, compact: true);
}
