using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Snappier;
using ZstdSharp;

namespace Inkstone.Data;

/// <summary>Unpacks pages by the numbers of parquet.thrift's CompressionCodec. Checksums that a codec carries are compared.</summary>
internal static class PageCodec
{
    private const int Uncompressed = 0,
        SnappyBlock = 1,
        Gzip = 2,
        Lzo = 3,
        Brotli = 4,
        Lz4Hadoop = 5,
        Zstd = 6,
        Lz4Block = 7;
    private const int MostLz4Expands = 255;

    /// <summary>Puts the unpacked bytes of <c>packed[start..end]</c> into the buffer, exactly as many as announced.</summary>
    /// <exception cref="FormatException">They do not unpack to that.</exception>
    public static void Unpack(int codec, byte[] packed, int start, int end, int announced, ByteBuffer output)
    {
        output.Restart(announced);
        if (start == end && announced == 0)
        {
            return;
        }
        ReadOnlySpan<byte> source = packed.AsSpan(start..end);
        try
        {
            int written = codec switch
            {
                Uncompressed => Copy(source, output),
                SnappyBlock => Snappy.Decompress(source, Room(output, Snappy.GetUncompressedLength(source))),
                Gzip => Inflate(source, new MemoryStream(packed, start, end - start), output),
                Brotli => Fill(new BrotliStream(new MemoryStream(packed, start, end - start), CompressionMode.Decompress), output),
                Lz4Hadoop => Lz4.DecodeHadoop(source, Room(output, (long)MostLz4Expands * source.Length)),
                Zstd => Unwrap(source, output),
                Lz4Block => Lz4.DecodeBlock(source, Room(output, (long)MostLz4Expands * source.Length)),
                Lzo => throw new FormatException("it is packed with LZO, which is not read here, so write it with zstd or snappy"),
                _ => throw new FormatException($"it is packed with the unknown codec {codec}"),
            };
            if (written < 0)
            {
                throw new FormatException("a page does not unpack");
            }
            if (written != announced)
            {
                throw new FormatException($"a page unpacks to {written} bytes instead of {announced}");
            }
        }
        catch (Exception exception)
            when (exception is InvalidDataException or ZstdException or ArgumentException or OverflowException or InvalidOperationException)
        {
            throw new FormatException($"a page does not unpack ({exception.Message.TrimEnd('.')})", exception);
        }
    }

    private static int Copy(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        source.CopyTo(output.Write(source.Length));
        return source.Length;
    }

    /// <summary>Room for all announced bytes, where the packed ones can give so many.</summary>
    private static Span<byte> Room(ByteBuffer output, long most) =>
        output.Missing <= most
            ? output.Write(output.Missing)
            : throw new FormatException($"a page unpacks to fewer than {output.Missing} bytes");

    private static int Unwrap(ReadOnlySpan<byte> source, ByteBuffer output)
    {
        using Decompressor decompressor = new();
        // What its frames say, or where one says nothing what its blocks can hold at most.
        ulong most = Decompressor.GetDecompressedSize(source);
        return decompressor.Unwrap(source, Room(output, (long)Math.Min(most, long.MaxValue)));
    }

    /// <summary>One gzip member or several, or a zlib stream. The stream does not miss the end of what is cut off, so its checksum is
    /// compared here.</summary>
    private static int Inflate(ReadOnlySpan<byte> source, MemoryStream stream, ByteBuffer output)
    {
        bool isGzip = source is [0x1F, 0x8B, ..];
        int written = Fill(
            isGzip ? new GZipStream(stream, CompressionMode.Decompress) : new ZLibStream(stream, CompressionMode.Decompress),
            output
        );
        bool isRight;
        if (isGzip)
        {
            // CRC-32 and length of the last member (RFC 1952, section 2.3.1).
            uint crc = BinaryPrimitives.ReadUInt32LittleEndian(source[^8..]),
                length = BinaryPrimitives.ReadUInt32LittleEndian(source[^4..]);
            isRight = length <= written && Crc32.HashToUInt32(output.Span[^(int)length..]) == crc;
        }
        else
        {
            isRight = Adler32.HashToUInt32(output.Span) == BinaryPrimitives.ReadUInt32BigEndian(source[^4..]);
        }
        return isRight ? written : throw new FormatException("a page is cut off, or does not have its checksum");
    }

    private static int Fill(Stream stream, ByteBuffer output)
    {
        using Stream unpacked = stream;
        while (output.Missing > 0)
        {
            Span<byte> part = output.Write(Math.Min(output.Missing, 1 << 16));
            if (unpacked.ReadAtLeast(part, part.Length, throwOnEndOfStream: false) < part.Length)
            {
                throw new FormatException($"a page unpacks to fewer than {output.Length + output.Missing} bytes");
            }
        }
        return unpacked.ReadByte() < 0 ? output.Length : throw new FormatException($"a page unpacks to more than {output.Length} bytes");
    }
}
