using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>The raw Snappy format (google/snappy, format_description.txt).</summary>
internal static class Snappy
{
    /// <exception cref="FormatException">The bytes are no Snappy block.</exception>
    public static void Decompress(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        int at = 0;
        if (LittleEndian128(source, ref at) != output.Missing) throw new FormatException("its Snappy block has another length than announced");
        while (at < source.Length)
        {
            int tag = source[at++], length = (tag >> 2) + 1;
            switch (tag & 3)
            {
                case 0:
                    if (length > 60)
                    {
                        int size = length - 60;
                        uint more = 0;
                        for (int i = 0; i < size; i++) more |= (uint)source[at + i] << (8 * i);
                        at += size;
                        length = checked((int)more + 1);
                    }
                    source.Slice(at, length).CopyTo(output.Write(length));
                    at += length;
                    break;
                case 1:
                    output.Repeat(((tag & 0xE0) << 3) | source[at++], ((tag >> 2) & 7) + 4);
                    break;
                case 2:
                    output.Repeat(BinaryPrimitives.ReadUInt16LittleEndian(source[at..]), length);
                    at += 2;
                    break;
                default:
                    output.Repeat(BinaryPrimitives.ReadInt32LittleEndian(source[at..]), length);
                    at += 4;
                    break;
            }
        }
    }

    private static long LittleEndian128(ReadOnlySpan<byte> source, ref int at)
    {
        long value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte b = source[at++];
            value |= (long)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new FormatException("its Snappy block begins with no length");
    }
}
