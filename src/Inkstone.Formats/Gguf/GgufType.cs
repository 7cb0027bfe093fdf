namespace Inkstone.Formats;

/// <summary>Element types of GGUF tensors, numbered as in the file.</summary>
public enum GgufType
{
    /// <summary>IEEE single precision.</summary>
    F32 = 0,

    /// <summary>IEEE half precision.</summary>
    F16 = 1,

    /// <summary>32 × 4 bits, scale.</summary>
    Q4_0 = 2,

    /// <summary>32 × 4 bits, scale and minimum.</summary>
    Q4_1 = 3,

    /// <summary>32 × 5 bits, scale.</summary>
    Q5_0 = 6,

    /// <summary>32 × 5 bits, scale and minimum.</summary>
    Q5_1 = 7,

    /// <summary>32 × 8 bits, scale.</summary>
    Q8_0 = 8,

    /// <summary>256 × 2 bits, sixteen scales and minima.</summary>
    Q2_K = 10,

    /// <summary>256 × 3 bits, sixteen scales.</summary>
    Q3_K = 11,

    /// <summary>256 × 4 bits, eight scales and minima.</summary>
    Q4_K = 12,

    /// <summary>256 × 5 bits, eight scales and minima.</summary>
    Q5_K = 13,

    /// <summary>256 × 6 bits, sixteen scales.</summary>
    Q6_K = 14,

    /// <summary>32 × 4 bits that choose from a table, scale.</summary>
    IQ4_NL = 20,

    /// <summary>256 × 4 bits that choose from a table, eight scales.</summary>
    IQ4_XS = 23,

    /// <summary>Upper half of a float32.</summary>
    BF16 = 30,
}

/// <summary>Sizes of GGUF's blocks.</summary>
public static class GgufTypes
{
    /// <summary>Whether this program reads the type.</summary>
    public static bool IsKnown(this GgufType type) => type.BlockBytes() > 0;

    /// <summary>Elements of one block; a row holds whole blocks.</summary>
    public static int BlockElements(this GgufType type) => type switch
    {
        GgufType.F32 or GgufType.F16 or GgufType.BF16 => 1,
        GgufType.Q2_K or GgufType.Q3_K or GgufType.Q4_K or GgufType.Q5_K or GgufType.Q6_K or GgufType.IQ4_XS => 256,
        _ => 32,
    };

    /// <summary>Bytes of one block, 0 for a type that is not known here.</summary>
    public static int BlockBytes(this GgufType type) => type switch
    {
        GgufType.F32 => 4,
        GgufType.F16 or GgufType.BF16 => 2,
        GgufType.Q4_0 or GgufType.IQ4_NL => 18,
        GgufType.Q4_1 => 20,
        GgufType.Q5_0 => 22,
        GgufType.Q5_1 => 24,
        GgufType.Q8_0 => 34,
        GgufType.Q2_K => 84,
        GgufType.Q3_K => 110,
        GgufType.Q4_K => 144,
        GgufType.Q5_K => 176,
        GgufType.Q6_K => 210,
        GgufType.IQ4_XS => 136,
        _ => 0,
    };

    /// <summary>Bytes of <paramref name="elements"/> elements, whole blocks.</summary>
    public static long Bytes(this GgufType type, long elements) => elements / type.BlockElements() * type.BlockBytes();
}
