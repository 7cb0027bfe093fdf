namespace Inkstone.Tensors;

/// <summary>Element type of a tensor in memory. Arithmetic is always float32; bfloat16 is storage.</summary>
public enum DType
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>The upper 16 bits of a float32, rounded to nearest even.</summary>
    BFloat16,

    /// <summary>Signed 32-bit integer: token ids, positions, document starts.</summary>
    Int32,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType type) => type == DType.BFloat16 ? 2 : 4;
}
