using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>LZ4 blocks (lz4_Block_format.md), alone or in Hadoop's frames.</summary>
internal static class Lz4
{
    /// <exception cref="FormatException">The bytes are no LZ4 block.</exception>
    public static void DecompressBlock(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        int start = output.Length;
        for (int at = 0; at < source.Length;)
        {
            int token = source[at++];
            int literals = Length(source, ref at, token >> 4);
            source.Slice(at, literals).CopyTo(output.Write(literals));
            at += literals;
            if (at == source.Length) return; // The last sequence has no match.

            int distance = BinaryPrimitives.ReadUInt16LittleEndian(source[at..]);
            at += 2;
            if (distance > output.Length - start) throw new FormatException("it repeats bytes before its beginning");
            output.Repeat(distance, checked(Length(source, ref at, token & 15) + 4));
        }
    }

    /// <summary>
    /// Parquet's codec LZ4, which its format calls deprecated because writers disagree: Hadoop's frames (length, compressed length,
    /// block; both big endian) from some, a naked block from others.
    /// </summary>
    /// <exception cref="FormatException">The bytes are neither.</exception>
    public static void DecompressHadoop(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        if (!HasFrames(source, output.Missing))
        {
            DecompressBlock(source, output);
            return;
        }
        while (source.Length > 0)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(source), compressed = BinaryPrimitives.ReadInt32BigEndian(source[4..]);
            int expected = output.Length + length;
            DecompressBlock(source.Slice(8, compressed), output);
            if (output.Length != expected) throw new FormatException("an LZ4 frame has another length than announced");
            source = source[(8 + compressed)..];
        }
    }

    private static bool HasFrames(ReadOnlySpan<byte> source, int announced)
    {
        long total = 0;
        while (source.Length >= 8)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(source), compressed = BinaryPrimitives.ReadInt32BigEndian(source[4..]);
            if (length < 0 || compressed < 0 || compressed > source.Length - 8) return false;
            total += length;
            source = source[(8 + compressed)..];
        }
        return source.IsEmpty && total == announced;
    }

    private static int Length(ReadOnlySpan<byte> source, ref int at, int length)
    {
        if (length < 15) return length;
        byte more;
        do
        {
            more = source[at++];
            length = checked(length + more);
        }
        while (more == 255);
        return length;
    }
}
