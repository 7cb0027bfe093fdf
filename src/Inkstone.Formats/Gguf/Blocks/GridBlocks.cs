using System.Buffers.Binary;
using System.Numerics;

namespace Inkstone.Formats;

/// <summary>
/// Blocks of 256 whose elements, by eights or fours, are points of a grid (<see cref="GridPoints"/>) with signs and a scale for each 16 or
/// 32
/// (llama.cpp pull requests 4773, 4856, 5453, 5676 and 6302).
/// </summary>
internal static class GridBlocks
{
    private const int Elements = 256,
        Parts = 8,
        PartElements = 32;

    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        int size = type.BlockBytes();
        for (; target.Length > 0; source = source[size..], target = target[Elements..])
        {
            for (int part = 0; part < Parts; part++)
            {
                Part(type, source[..size], part, target.Slice(PartElements * part, PartElements));
            }
        }
    }

    /// <summary>The scale of an IQ1_M block: four bits above each of its four words of smaller scales.</summary>
    internal static Half SpreadScale(ReadOnlySpan<byte> block)
    {
        int bits = 0;
        for (int i = 0; i < 4; i++)
        {
            bits |= (Word(block[48..], i) >> 12) << (4 * i);
        }
        return BitConverter.UInt16BitsToHalf((ushort)bits);
    }

    private static void Part(GgufType type, ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        switch (type)
        {
            case GgufType.IQ2_XXS:
                TwoXxs(block, part, y);
                break;
            case GgufType.IQ2_XS:
                TwoXs(block, part, y);
                break;
            case GgufType.IQ2_S:
                TwoS(block, part, y);
                break;
            case GgufType.IQ3_XXS:
                ThreeXxs(block, part, y);
                break;
            case GgufType.IQ3_S:
                ThreeS(block, part, y);
                break;
            case GgufType.IQ1_S:
                OneS(block, part, y);
                break;
            case GgufType.IQ1_M:
                OneM(block, part, y);
                break;
            default:
                throw new ArgumentException($"{type} is no type of this family", nameof(type));
        }
    }

    /// <summary>d, then for each 32 four grid bytes and a word of four 7-bit signs and a 4-bit scale.</summary>
    private static void TwoXxs(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        ReadOnlySpan<byte> grid = block[(2 + 8 * part)..];
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(grid[4..]);
        float scale = BlockCodec.Half(block) * (0.5f + (word >> 28)) * 0.25f;
        for (int i = 0; i < 4; i++)
        {
            Signed(GridPoints.Eights256[grid[i]], EvenSigns((int)(word >> (7 * i)) & 127), scale, y[(8 * i)..], 8);
        }
    }

    /// <summary>d, words of a 9-bit grid number and 7-bit signs, scales of 4 bits for each 16.</summary>
    private static void TwoXs(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        for (int i = 0; i < 4; i++)
        {
            int word = Word(block[2..], 4 * part + i);
            Signed(GridPoints.Eights512[word & 511], EvenSigns(word >> 9), Sixteenth(block, 66, part, i), y[(8 * i)..], 8);
        }
    }

    /// <summary>d, the lower 8 bits of grid numbers, signs, their upper 2 bits, scales of 4 bits for each 16.</summary>
    private static void TwoS(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        for (int i = 0; i < 4; i++)
        {
            int number = block[2 + 4 * part + i] | ((block[66 + part] >> (2 * i)) & 3) << 8;
            Signed(GridPoints.Eights1024[number], block[34 + 4 * part + i], Sixteenth(block, 74, part, i), y[(8 * i)..], 8);
        }
    }

    /// <summary>d, two grid bytes for each 8, then words of four 7-bit signs and a 4-bit scale.</summary>
    private static void ThreeXxs(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(block[(66 + 4 * part)..]);
        float scale = BlockCodec.Half(block) * (0.5f + (word >> 28)) * 0.5f;
        for (int i = 0; i < 8; i++)
        {
            int signs = EvenSigns((int)(word >> (7 * (i / 2))) & 127) >> (4 * (i % 2));
            Signed(GridPoints.Fours256[block[2 + 8 * part + i]], signs, scale, y[(4 * i)..], 4);
        }
    }

    /// <summary>d, the lower 8 bits of grid numbers, their ninth bits, signs, scales of 4 bits for each 32.</summary>
    private static void ThreeS(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        float scale = BlockCodec.Half(block) * (1 + 2 * Nibble(block[106..], part));
        for (int i = 0; i < 8; i++)
        {
            int number = block[2 + 8 * part + i] | ((block[66 + part] >> i) & 1) << 8;
            Signed(GridPoints.Fours512[number], block[74 + 4 * part + i / 2] >> (4 * (i % 2)), scale, y[(4 * i)..], 4);
        }
    }

    /// <summary>d, the lower 8 bits of grid numbers, words of their upper 3 bits, a 3-bit scale and the direction of the shift by
    /// 1/8.</summary>
    private static void OneS(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        int word = Word(block[34..], part);
        float scale = BlockCodec.Half(block) * (2 * ((word >> 12) & 7) + 1);
        for (int i = 0; i < 4; i++)
        {
            Shifted(block[2 + 4 * part + i] | ((word >> (3 * i)) & 7) << 8, (word & 0x8000) != 0, scale, y[(8 * i)..]);
        }
    }

    /// <summary>The lower 8 bits of grid numbers, half bytes of their upper 3 bits and the shift's direction, 3-bit scales for each 16 with
    /// d above them.</summary>
    private static void OneM(ReadOnlySpan<byte> block, int part, Span<float> y)
    {
        float d = (float)SpreadScale(block);
        for (int i = 0; i < 4; i++)
        {
            int more = Nibble(block[(32 + 2 * part)..], i),
                scale = (Word(block[48..], part / 2) >> (6 * (part % 2) + 3 * (i / 2))) & 7;
            Shifted(block[4 * part + i] | (more & 7) << 8, (more & 8) != 0, d * (2 * scale + 1), y[(8 * i)..]);
        }
    }

    /// <summary>Element j is byte j of the point, negative where bit j of the signs is set.</summary>
    private static void Signed(ulong point, int signs, float scale, Span<float> y, int count)
    {
        for (int j = 0; j < count; j++)
        {
            float value = scale * (byte)(point >> (8 * j));
            y[j] = ((signs >> j) & 1) != 0 ? -value : value;
        }
    }

    private static void Shifted(int number, bool down, float scale, Span<float> y)
    {
        ulong point = GridPoints.Eights2048[number];
        for (int j = 0; j < 8; j++)
        {
            y[j] = scale * ((sbyte)(point >> (8 * j)) + (down ? -0.125f : 0.125f));
        }
    }

    /// <summary>Seven signs; the eighth makes their number even.</summary>
    private static int EvenSigns(int seven) => seven | (BitOperations.PopCount((uint)seven) & 1) << 7;

    private static float Sixteenth(ReadOnlySpan<byte> block, int scales, int part, int eight) =>
        BlockCodec.Half(block) * (0.5f + Nibble(block[scales..], 2 * part + eight / 2)) * 0.25f;

    private static int Nibble(ReadOnlySpan<byte> bytes, int i) => (bytes[i / 2] >> (4 * (i % 2))) & 15;

    private static int Word(ReadOnlySpan<byte> bytes, int i) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]);
}
