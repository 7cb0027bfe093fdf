namespace Inkstone.Formats;

/// <summary>One tensor of a GGUF file: sizes as Hugging Face has them (the file stores them in reverse), and its place after the beginning
/// of the data.</summary>
public sealed record GgufTensor(string Name, GgufType Type, long[] Shape, long Offset)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Number of bytes; 0 for a type that is not known here.</summary>
    public long ByteCount => Type.Bytes(Count);

    /// <summary>Elements of one row, the smallest part that can be read by itself.</summary>
    public long RowLength => Shape.Length == 0 ? 1 : Shape[^1];

    /// <summary>Type and sizes for messages.</summary>
    public string Describe() => $"{Type} [{string.Join(", ", Shape)}]";
}
