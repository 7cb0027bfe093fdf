namespace Inkstone.Formats;

/// <summary>One tensor of a safetensors file: element type as the file spells it, sizes, and its bytes [Begin, End) after the
/// header.</summary>
public sealed record TensorEntry(string Name, string DType, long[] Shape, long Begin, long End)
{
    /// <summary>Number of elements; a tensor without dimensions has one.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Number of bytes.</summary>
    public long ByteCount => End - Begin;

    /// <summary>Type and sizes for messages, e.g. <c>F32 [512, 64]</c>.</summary>
    public string Describe() => $"{DType} [{string.Join(", ", Shape)}]";
}
