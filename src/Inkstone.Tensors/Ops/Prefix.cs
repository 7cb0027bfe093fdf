namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>The first elements of <paramref name="source"/> in another shape; shares memory, without gradient. A cache hands out its filled part this way.</summary>
    public static Tensor Prefix(Tensor source, Shape shape)
    {
        if (shape.Count > source.Count)
        {
            throw new ArgumentException($"{shape} has more elements than {source.Shape}", nameof(shape));
        }
        Tensor view = source.Device.Arena.RentView(source, shape);
        view.RequiresGrad = false;
        return view;
    }
}
