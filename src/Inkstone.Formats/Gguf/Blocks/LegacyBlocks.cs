using System.Buffers.Binary;

namespace Inkstone.Formats;

/// <summary>
/// Blocks of 32 with one scale d, and in the _1 types a minimum m: x = d·q (+ m). Element j is in the lower, element j + 16 in the upper
/// half of byte j;
/// the fifth bits of Q5 stand together in one 32-bit word.
/// </summary>
internal static class LegacyBlocks
{
    private const int Elements = 32;

    /// <summary>x + (−0) is x for every x, also for x = −0.</summary>
    private const float NoMinimum = -0f;

    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        int size = type.BlockBytes();
        for (; target.Length > 0; source = source[size..], target = target[Elements..])
        {
            ReadOnlySpan<byte> block = source[..size];
            float d = BlockCodec.Half(block);
            switch (type)
            {
                case GgufType.Q4_0:
                    Nibbles(block[2..], 0, d, -8, NoMinimum, target);
                    break;
                case GgufType.Q4_1:
                    Nibbles(block[4..], 0, d, 0, BlockCodec.Half(block[2..]), target);
                    break;
                case GgufType.Q5_0:
                    Nibbles(block[6..], BinaryPrimitives.ReadUInt32LittleEndian(block[2..]), d, -16, NoMinimum, target);
                    break;
                case GgufType.Q5_1:
                    Nibbles(block[8..], BinaryPrimitives.ReadUInt32LittleEndian(block[4..]), d, 0, BlockCodec.Half(block[2..]), target);
                    break;
                default:
                    for (int j = 0; j < Elements; j++)
                    {
                        target[j] = d * (sbyte)block[2 + j];
                    }
                    break;
            }
        }
    }

    private static void Nibbles(ReadOnlySpan<byte> nibbles, uint fifth, float d, int zero, float m, Span<float> target)
    {
        for (int j = 0; j < Elements / 2; j++)
        {
            int low = (nibbles[j] & 15) | (int)((fifth >> j) & 1) << 4,
                high = nibbles[j] >> 4 | (int)((fifth >> (j + 16)) & 1) << 4;
            target[j] = d * (low + zero) + m;
            target[j + 16] = d * (high + zero) + m;
        }
    }
}
