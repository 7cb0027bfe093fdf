using System.Buffers.Binary;

namespace Inkstone.Formats;

/// <summary>Four bits that choose one of sixteen unevenly spaced levels: IQ4_NL with one scale for 32, IQ4_XS with 6-bit scales for each 32
/// of 256.</summary>
internal static class TableBlocks
{
    private static ReadOnlySpan<sbyte> Levels => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        int size = type.BlockBytes(),
            elements = type.BlockElements();
        for (; target.Length > 0; source = source[size..], target = target[elements..])
        {
            float d = BlockCodec.Half(source);
            if (type == GgufType.IQ4_NL)
            {
                Part(source.Slice(2, 16), d, target);
                continue;
            }
            ushort high = BinaryPrimitives.ReadUInt16LittleEndian(source[2..]);
            for (int part = 0; part < 8; part++)
            {
                int scale = ((source[4 + part / 2] >> (4 * (part % 2))) & 15) | ((high >> (2 * part)) & 3) << 4;
                Part(source.Slice(8 + 16 * part, 16), d * (scale - 32), target[(32 * part)..]);
            }
        }
    }

    private static void Part(ReadOnlySpan<byte> nibbles, float scale, Span<float> target)
    {
        for (int j = 0; j < 16; j++)
        {
            target[j] = scale * Levels[nibbles[j] & 15];
            target[j + 16] = scale * Levels[nibbles[j] >> 4];
        }
    }
}
