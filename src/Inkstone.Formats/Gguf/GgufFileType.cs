namespace Inkstone.Formats;

/// <summary>What a whole GGUF file is said to be, llama.cpp's llama_ftype by its numbers: one element type for all matrices, or a mixture
/// of K-quants.</summary>
public enum GgufFileType
{
    /// <summary>Single precision.</summary>
    F32 = 0,

    /// <summary>Half precision.</summary>
    F16 = 1,

    /// <summary>4 bits in blocks of 32.</summary>
    Q4_0 = 2,

    /// <summary>8 bits in blocks of 32.</summary>
    Q8_0 = 7,

    /// <summary>Q2_K, with Q3_K and Q4_K where it hurts.</summary>
    Q2_K = 10,

    /// <summary>Q3_K alone.</summary>
    Q3_K_S = 11,

    /// <summary>Q3_K, with Q4_K and Q5_K where it hurts.</summary>
    Q3_K_M = 12,

    /// <summary>Q3_K, with Q5_K where it hurts.</summary>
    Q3_K_L = 13,

    /// <summary>Q4_K, the first layers with some Q5_K.</summary>
    Q4_K_S = 14,

    /// <summary>Q4_K, with Q6_K where it hurts.</summary>
    Q4_K_M = 15,

    /// <summary>Q5_K.</summary>
    Q5_K_S = 16,

    /// <summary>Q5_K, with Q6_K where it hurts.</summary>
    Q5_K_M = 17,

    /// <summary>Q6_K.</summary>
    Q6_K = 18,

    /// <summary>bfloat16.</summary>
    BF16 = 32,
}
