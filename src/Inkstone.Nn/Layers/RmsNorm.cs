using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Root-mean-square norm over the last dimension (arXiv:1910.07467).</summary>
/// <param name="scope">its place</param>
/// <param name="size">C</param>
/// <param name="eps">added to the mean square</param>
/// <param name="zeroCentred">the weight is stored less 1</param>
/// <param name="groups">equal parts of a row that are normed each by itself</param>
public sealed class RmsNorm(Scope scope, int size, float eps, bool zeroCentred = false, int groups = 1)
{
    private readonly Tensor _weight = scope.Parameter("weight", new Shape(size), zeroCentred ? Initial.Zeros : Initial.Ones);

    /// <summary>x: [..., size].</summary>
    public Tensor Forward(Tensor x) => Ops.RmsNorm(x, _weight, eps, zeroCentred, groups: groups);

    /// <summary>The same for results that only products read: while a step in bfloat16 is recorded they are kept in bfloat16, which
    /// products round to anyway.</summary>
    public Tensor ForwardCompact(Tensor x) => Ops.RmsNorm(x, _weight, eps, zeroCentred, compact: true, groups);

    /// <summary>Each head by itself: x [..., H·size].</summary>
    public Tensor Heads(Tensor x)
    {
        Shape shape = x.Shape,
            heads = new(checked((int)(x.Count / size)), size);
        return Ops.RmsNorm(x.View(heads), _weight, eps, zeroCentred, groups: groups).View(shape);
    }
}
