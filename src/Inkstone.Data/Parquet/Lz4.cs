using System.Buffers.Binary;
using K4os.Compression.LZ4;

namespace Inkstone.Data;

/// <summary>LZ4 blocks, alone or in Hadoop's frames.</summary>
internal static class Lz4
{
    private const int HeaderLength = 8;

    /// <summary>Unpacks a block; the number of bytes written, -1 where it is damaged or has no room.</summary>
    public static int DecodeBlock(ReadOnlySpan<byte> source, Span<byte> target) =>
        target.IsEmpty && source is [0] ? 0 : LZ4Codec.Decode(source, target); // The package refuses the block of nothing, a token without literals.

    /// <summary>
    /// Parquet's codec LZ4, which its format calls deprecated because writers disagree: Hadoop's frames (length, compressed length,
    /// block; both big endian) from some, a naked block from others. Fills the target or gives -1.
    /// </summary>
    public static int DecodeHadoop(ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (!HasFrames(source, target.Length))
        {
            return DecodeBlock(source, target);
        }
        int written = 0;
        while (source.Length > 0)
        {
            (int length, int packed) = Header(source);
            if (DecodeBlock(source.Slice(HeaderLength, packed), target.Slice(written, length)) != length)
            {
                return -1;
            }
            written += length;
            source = source[(HeaderLength + packed)..];
        }
        return written;
    }

    private static bool HasFrames(ReadOnlySpan<byte> source, int announced)
    {
        long total = 0;
        while (source.Length >= HeaderLength)
        {
            (int length, int packed) = Header(source);
            if (length < 0 || packed < 0 || packed > source.Length - HeaderLength)
            {
                return false;
            }
            total += length;
            source = source[(HeaderLength + packed)..];
        }
        return source.IsEmpty && total == announced;
    }

    private static (int Length, int Packed) Header(ReadOnlySpan<byte> source) =>
        (BinaryPrimitives.ReadInt32BigEndian(source), BinaryPrimitives.ReadInt32BigEndian(source[4..]));
}
