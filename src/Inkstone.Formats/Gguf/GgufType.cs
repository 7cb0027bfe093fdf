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

    /// <summary>Eights of 256 that choose from 256 points and 128 signs, eight scales.</summary>
    IQ2_XXS = 16,

    /// <summary>Eights of 256 that choose from 512 points and 128 signs, sixteen scales.</summary>
    IQ2_XS = 17,

    /// <summary>Fours of 256 that choose from 256 points, 128 signs for eight, eight scales.</summary>
    IQ3_XXS = 18,

    /// <summary>Eights of 256 that choose from 2048 points of −1, 0 and 1, eight scales.</summary>
    IQ1_S = 19,

    /// <summary>32 × 4 bits that choose from a table, scale.</summary>
    IQ4_NL = 20,

    /// <summary>Fours of 256 that choose from 512 points, any signs, eight scales.</summary>
    IQ3_S = 21,

    /// <summary>Eights of 256 that choose from 1024 points, any signs, sixteen scales.</summary>
    IQ2_S = 22,

    /// <summary>256 × 4 bits that choose from a table, eight scales.</summary>
    IQ4_XS = 23,

    /// <summary>As IQ1_S, with sixteen scales.</summary>
    IQ1_M = 29,

    /// <summary>Upper half of a float32.</summary>
    BF16 = 30,

    /// <summary>256 × −1, 0 or 1, five in a byte, scale.</summary>
    TQ1_0 = 34,

    /// <summary>256 × −1, 0 or 1, four in a byte, scale.</summary>
    TQ2_0 = 35,

    /// <summary>32 × 4 bits that choose from a table of floats, power of two (gpt-oss).</summary>
    MXFP4 = 39,
}

/// <summary>Sizes of GGUF's blocks.</summary>
public static class GgufTypes
{
    /// <summary>Whether this program reads the type.</summary>
    public static bool IsKnown(this GgufType type) => type.BlockBytes() > 0;

    /// <summary>Elements of one block; a row holds whole blocks.</summary>
    public static int BlockElements(this GgufType type) =>
        type switch
        {
            GgufType.F32 or GgufType.F16 or GgufType.BF16 => 1,
            GgufType.Q4_0 or GgufType.Q4_1 or GgufType.Q5_0 or GgufType.Q5_1 or GgufType.Q8_0 or GgufType.IQ4_NL or GgufType.MXFP4 => 32,
            _ => 256,
        };

    /// <summary>Bytes of one block, 0 for a type that is not known here.</summary>
    public static int BlockBytes(this GgufType type) =>
        type switch
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
            GgufType.IQ1_S => 50,
            GgufType.IQ1_M => 56,
            GgufType.IQ2_XXS => 66,
            GgufType.IQ2_XS => 74,
            GgufType.IQ2_S => 82,
            GgufType.IQ3_XXS => 98,
            GgufType.IQ3_S => 110,
            GgufType.IQ4_XS => 136,
            GgufType.TQ1_0 => 54,
            GgufType.TQ2_0 => 66,
            GgufType.MXFP4 => 17,
            _ => 0,
        };

    /// <summary>Bytes of <paramref name="elements"/> elements, whole blocks.</summary>
    public static long Bytes(this GgufType type, long elements) => elements / type.BlockElements() * type.BlockBytes();

    /// <summary>Where a block keeps its scale and its minimum in half precision; −1: it has none there (IQ1_M spreads its scale over
    /// others).</summary>
    internal static (int Scale, int Least) ScalePlaces(this GgufType type) =>
        type switch
        {
            GgufType.Q4_1 or GgufType.Q5_1 or GgufType.Q4_K or GgufType.Q5_K => (0, 2),
            GgufType.Q2_K => (80, 82),
            GgufType.Q3_K => (108, -1),
            GgufType.Q6_K => (208, -1),
            GgufType.TQ1_0 => (52, -1),
            GgufType.TQ2_0 => (64, -1),
            GgufType.IQ1_M => (-1, -1),
            _ => (0, -1),
        };
}
