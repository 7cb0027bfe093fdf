using System.Runtime.CompilerServices;

namespace Inkstone.Tensors;

/// <summary>Shape checks at the border of ops, with the names and sizes in the message.</summary>
internal static class Check
{
    public static void Last(Tensor tensor, int size, string name)
    {
        if (tensor.Shape.Last != size)
        {
            throw new ArgumentException($"{name} has shape {tensor.Shape}; its last dimension must be {size}", name);
        }
    }

    public static void Same(Tensor a, Tensor b, [CallerArgumentExpression(nameof(b))] string name = "")
    {
        if (a.Shape != b.Shape)
        {
            throw new ArgumentException($"{name} has shape {b.Shape}; it must be {a.Shape}", name);
        }
    }

    public static void Count(Tensor tensor, long count, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (tensor.Count != count)
        {
            throw new ArgumentException($"{name} has shape {tensor.Shape}; it must have {count} elements", name);
        }
    }
}
