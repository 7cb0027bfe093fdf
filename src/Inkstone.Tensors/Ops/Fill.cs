namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Sets every element of a float32 tensor; not recorded.</summary>
    public static void Fill(Tensor x, float value) => x.Span.Fill(value);
}
