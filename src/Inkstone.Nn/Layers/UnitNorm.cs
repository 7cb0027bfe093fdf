using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Root-mean-square norm without weights.</summary>
public sealed class UnitNorm
{
    private readonly Tensor _ones;
    private readonly float _eps;

    /// <summary>A norm over <paramref name="size"/> numbers.</summary>
    public UnitNorm(Device device, int size, float eps)
    {
        (_ones, _eps) = (Tensor.Allocate(device, new Shape(size)), eps);
        Ops.Fill(_ones, 1);
    }

    /// <summary>x: [..., size].</summary>
    public Tensor Forward(Tensor x) => Ops.RmsNorm(x, _ones, _eps);

    /// <summary>Each head by itself: x [..., H·size].</summary>
    public Tensor Heads(Tensor x)
    {
        Shape shape = x.Shape,
            heads = new(checked((int)(x.Count / _ones.Count)), (int)_ones.Count);
        return Ops.RmsNorm(x.View(heads), _ones, _eps).View(shape);
    }
}
