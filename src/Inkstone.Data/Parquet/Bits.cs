using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>Numbers in packed bits and variable-length bytes, the least significant first.</summary>
internal static class Bits
{
    /// <summary><paramref name="width"/> bits (0 to 64) at a bit position.</summary>
    /// <exception cref="FormatException">They end behind the source.</exception>
    public static ulong Read(ReadOnlySpan<byte> source, long position, int width)
    {
        if (width == 0)
        {
            return 0;
        }
        if (position + width > 8L * source.Length)
        {
            throw new FormatException("a page ends in the middle of its packed numbers");
        }
        int at = (int)(position >> 3),
            shift = (int)(position & 7);
        ulong word = 0;
        if (at + 8 <= source.Length)
        {
            word = BinaryPrimitives.ReadUInt64LittleEndian(source[at..]);
        }
        else
        {
            for (int i = source.Length - 1; i >= at; i--)
            {
                word = word << 8 | source[i];
            }
        }
        word >>= shift;
        if (shift + width > 64)
        {
            word |= (ulong)source[at + 8] << (64 - shift);
        }
        return width == 64 ? word : word & ((1UL << width) - 1);
    }

    /// <exception cref="FormatException">It has more than 10 bytes or is cut off.</exception>
    public static ulong ReadVarint(ReadOnlySpan<byte> source, ref int position)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if ((uint)position >= (uint)source.Length)
            {
                throw new FormatException("a page ends before its last value");
            }
            byte b = source[position++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
        throw new FormatException("a page holds a number that is too long");
    }
}
