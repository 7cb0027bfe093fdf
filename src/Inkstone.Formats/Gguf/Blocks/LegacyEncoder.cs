using System.Buffers.Binary;

namespace Inkstone.Formats;

/// <summary>Rounds to blocks of 32 as ggml's reference does, so that the bytes are the same as those of llama.cpp's own tools.</summary>
internal static class LegacyEncoder
{
    private const int Elements = 32;

    public static void Encode(GgufType type, ReadOnlySpan<float> source, Span<byte> target)
    {
        int size = type.BlockBytes();
        for (; source.Length > 0; source = source[Elements..], target = target[size..])
        {
            ReadOnlySpan<float> x = source[..Elements];
            Span<byte> block = target[..size];
            switch (type)
            {
                case GgufType.Q8_0:
                    Eight(x, block);
                    break;
                case GgufType.Q4_0:
                    Symmetric(x, block, block[2..], 8);
                    break;
                case GgufType.Q5_0:
                    Write(block[2..], Symmetric(x, block, block[6..], 16));
                    break;
                case GgufType.Q4_1:
                    Affine(x, block, block[4..], 15);
                    break;
                case GgufType.Q5_1:
                    Write(block[4..], Affine(x, block, block[8..], 31));
                    break;
                default:
                    throw new ArgumentException($"{type} is read only", nameof(type));
            }
        }
    }

    /// <summary>d = max |x| / 127; halves are rounded away from zero.</summary>
    private static void Eight(ReadOnlySpan<float> x, Span<byte> block)
    {
        float largest = 0;
        foreach (float value in x)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }
        float d = largest / 127,
            inverse = d == 0 ? 0 : 1 / d;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
        for (int j = 0; j < Elements; j++)
        {
            block[2 + j] = (byte)(sbyte)Math.Clamp(MathF.Round(x[j] * inverse, MidpointRounding.AwayFromZero), -128, 127);
        }
    }

    /// <summary>The number farthest from zero becomes −<paramref name="zero"/>. Returns the fifth bits.</summary>
    private static uint Symmetric(ReadOnlySpan<float> x, Span<byte> block, Span<byte> nibbles, int zero)
    {
        float farthest = x[0];
        foreach (float value in x)
        {
            farthest = MathF.Abs(value) > MathF.Abs(farthest) ? value : farthest;
        }
        float d = farthest / -zero,
            inverse = d == 0 ? 0 : 1 / d;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
        uint fifth = 0;
        for (int j = 0; j < Elements; j++)
        {
            // Double precision: what a fused multiply-add gives, as in ggml's own code.
            WriteNibble(nibbles, ref fifth, j, (int)Math.Clamp((double)x[j] * inverse + (zero + 0.5), 0, 2 * zero - 1));
        }
        return fifth;
    }

    /// <summary>The smallest number becomes 0, the largest <paramref name="levels"/>. Returns the fifth bits.</summary>
    private static uint Affine(ReadOnlySpan<float> x, Span<byte> block, Span<byte> nibbles, int levels)
    {
        float least = x[0],
            most = x[0];
        foreach (float value in x)
        {
            (least, most) = (value < least ? value : least, value > most ? value : most);
        }
        float d = (most - least) / levels,
            inverse = d == 0 ? 0 : 1 / d;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
        BinaryPrimitives.WriteHalfLittleEndian(block[2..], (Half)least);
        uint fifth = 0;
        for (int j = 0; j < Elements; j++)
        {
            WriteNibble(nibbles, ref fifth, j, (int)Math.Clamp((x[j] - least) * inverse + 0.5f, 0, levels));
        }
        return fifth;
    }

    private static void WriteNibble(Span<byte> nibbles, ref uint fifth, int j, int q)
    {
        fifth |= (uint)(q >> 4) << j;
        if (j < Elements / 2)
        {
            nibbles[j] = (byte)(q & 15);
        }
        else
        {
            nibbles[j - Elements / 2] |= (byte)((q & 15) << 4);
        }
    }

    private static void Write(Span<byte> target, uint fifth) => BinaryPrimitives.WriteUInt32LittleEndian(target, fifth);
}
