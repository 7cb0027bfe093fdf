using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Root-mean-square norm over the last dimension (arXiv:1910.07467).</summary>
public sealed class RmsNorm(Scope scope, int size, float eps)
{
    private readonly Tensor _weight = scope.Parameter("weight", new Shape(size), Initial.Ones);

    /// <summary>x: [..., size].</summary>
    public Tensor Forward(Tensor x) => Ops.RmsNorm(x, _weight, eps);

    /// <summary>Each head by itself: x [..., H·size].</summary>
    public Tensor Heads(Tensor x)
    {
        Shape shape = x.Shape, heads = new(checked((int)(x.Count / size)), size);
        return Ops.RmsNorm(x.View(heads), _weight, eps).View(shape);
    }
}
