namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A copy through which no gradient goes back.</summary>
    /// <param name="x">[...]</param>
    public static Tensor Detach(Tensor x)
    {
        Tensor y = x.Device.Rent(x.Shape, x.DType);
        x.Bytes.CopyTo(y.Bytes);
        return y;
    }
}
