using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Layer norm over the last dimension, with a bias (arXiv:1607.06450).</summary>
/// <param name="scope">its place</param>
/// <param name="size">C</param>
/// <param name="eps">added to the variance</param>
public sealed class LayerNorm(Scope scope, int size, float eps)
{
    private readonly Tensor _weight = scope.Parameter("weight", new Shape(size), Initial.Ones),
        _bias = scope.Parameter("bias", new Shape(size), Initial.Zeros);

    /// <summary>x: [..., size].</summary>
    public Tensor Forward(Tensor x) => Ops.LayerNorm(x, _weight, _bias, eps);
}
