using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>
/// Zstandard frames (RFC 8878) without dictionary. Output is kept whole, so any window fits; content checksums are not compared.
/// </summary>
internal static class Zstandard
{
    private const uint Magic = 0xFD2FB528;

    /// <exception cref="FormatException">The bytes are no Zstandard frames.</exception>
    public static void Decompress(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        while (source.Length > 0)
        {
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
            if ((magic & 0xFFFFFFF0) == 0x184D2A50) // a skippable frame
            {
                int length = checked((int)BinaryPrimitives.ReadUInt32LittleEndian(source[4..]));
                source = source[8..][length..];
                continue;
            }
            if (magic != Magic) throw new FormatException("it is not packed with Zstandard");
            source = source[4..];
            Frame(ref source, output);
        }
    }

    private static void Frame(ref ReadOnlySpan<byte> source, ByteBuffer output)
    {
        int descriptor = source[0];
        bool isSingleSegment = (descriptor & 0x20) != 0;
        if ((descriptor & 0x08) != 0) throw new FormatException("its Zstandard frame has a reserved bit");
        int window = isSingleSegment ? 0 : 1;
        int sizeLength = (descriptor >> 6) switch { 0 => isSingleSegment ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
        int dictionaryLength = (1 << (descriptor & 3)) >> 1;
        if (source.Slice(1 + window, dictionaryLength).ContainsAnyExcept((byte)0)) throw new FormatException("it needs a Zstandard dictionary");
        source = source[(1 + window + dictionaryLength + sizeLength)..];

        var blocks = new ZstandardBlocks(output);
        bool isLast;
        do
        {
            int header = source[0] | source[1] << 8 | source[2] << 16, size = header >> 3;
            isLast = (header & 1) != 0;
            source = source[3..];
            int packed = (header >> 1 & 3) == 1 ? 1 : size;
            ReadOnlySpan<byte> block = source[..packed];
            switch (header >> 1 & 3)
            {
                case 0:
                    block.CopyTo(output.Write(size));
                    break;
                case 1:
                    output.Write(size).Fill(block[0]);
                    break;
                case 2:
                    blocks.Decompress(block);
                    break;
                default:
                    throw new FormatException("a Zstandard block is of no known type");
            }
            source = source[packed..];
        }
        while (!isLast);
        if ((descriptor & 4) != 0) source = source[4..];
    }
}
