namespace Inkstone.Formats;

/// <summary>
/// Microscaling floats of 4 bits (OCP MX v1.0, as gpt-oss stores its experts): blocks of 32 numbers, 16 bytes with the even number in the
/// low half,
/// and one exponent each. Values 0, ½, 1, 1½, 2, 3, 4, 6 with the sign in bit 3, times 2^(scale − 127); the scale 255 is NaN.
/// </summary>
public static class Mxfp4
{
    /// <summary>Numbers of a block.</summary>
    public const int Block = 32;

    private static readonly float[] Values = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    /// <summary>Decodes whole blocks.</summary>
    /// <param name="blocks">16 bytes a block</param>
    /// <param name="scales">one byte a block</param>
    /// <param name="target">32 numbers a block</param>
    public static void Decode(ReadOnlySpan<byte> blocks, ReadOnlySpan<byte> scales, Span<float> target)
    {
        for (int b = 0; b < scales.Length; b++)
        {
            float scale = scales[b] == byte.MaxValue ? float.NaN : MathF.ScaleB(1, scales[b] - 127);
            for (int i = 0; i < Block / 2; i++)
            {
                byte pair = blocks[b * Block / 2 + i];
                target[b * Block + 2 * i] = Values[pair & 15] * scale;
                target[b * Block + 2 * i + 1] = Values[pair >> 4] * scale;
            }
        }
    }

    /// <summary>Decodes whole blocks as GGUF has them: the scale's byte, then 16 bytes with number i in the low half and i + 16 in the high
    /// one.</summary>
    public static void DecodeGguf(ReadOnlySpan<byte> source, Span<float> target)
    {
        const int Bytes = 1 + Block / 2;
        for (int b = 0; b < target.Length / Block; b++)
        {
            float scale = MathF.ScaleB(1, source[b * Bytes] - 127);
            for (int i = 0; i < Block / 2; i++)
            {
                byte pair = source[b * Bytes + 1 + i];
                target[b * Block + i] = Values[pair & 15] * scale;
                target[b * Block + i + Block / 2] = Values[pair >> 4] * scale;
            }
        }
    }
}
