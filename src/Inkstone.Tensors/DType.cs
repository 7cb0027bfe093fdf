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

    /// <summary>Signed 64-bit integer: factors of hashes that are kept with the weights. No op reads them.</summary>
    Int64,

    /// <summary>Blocks of 32 signed bytes behind a half-precision scale d, as in GGUF files: x = d·q. Weights that are not
    /// trained.</summary>
    Q8_0,

    /// <summary>Blocks of 32 half bytes behind a scale: x = d·(q − 8).</summary>
    Q4_0,

    /// <summary>Blocks of 32 half bytes behind a scale and a minimum: x = d·q + m.</summary>
    Q4_1,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Elements of a quantised block; rows hold whole blocks.</summary>
    public const int BlockElements = 32;

    /// <summary>Whether elements lie in quantised blocks, which are read by rows and never written.</summary>
    public static bool IsQuantised(this DType type) => type >= DType.Q8_0;

    /// <summary>Bytes of a quantised block.</summary>
    public static int BlockBytes(this DType type) =>
        type switch
        {
            DType.Q8_0 => 34,
            DType.Q4_0 => 18,
            DType.Q4_1 => 20,
            _ => throw NoSize(type),
        };

    /// <summary>Bytes of one element of a type without blocks.</summary>
    public static int Size(this DType type) =>
        type switch
        {
            DType.BFloat16 => 2,
            DType.Float32 or DType.Int32 => 4,
            DType.Int64 => 8,
            _ => throw NoSize(type),
        };

    /// <summary>Bytes of <paramref name="count"/> elements.</summary>
    public static long Bytes(this DType type, long count) =>
        type.IsQuantised() ? count / BlockElements * type.BlockBytes() : count * type.Size();

    private static ArgumentException NoSize(DType type) => new($"{type} has no such size", nameof(type));
}
