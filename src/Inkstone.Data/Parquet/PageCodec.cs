using System.IO.Compression;

namespace Inkstone.Data;

/// <summary>Unpacks pages by the numbers of parquet.thrift's CompressionCodec.</summary>
internal static class PageCodec
{
    private const int Uncompressed = 0, SnappyCodec = 1, Gzip = 2, Lzo = 3, Brotli = 4, HadoopLz4 = 5, Zstd = 6, RawLz4 = 7;

    /// <summary>Puts the unpacked bytes of <c>packed[start..end]</c> into the buffer, exactly as many as announced.</summary>
    /// <exception cref="FormatException">They do not unpack to that.</exception>
    public static void Unpack(int codec, byte[] packed, int start, int end, int announced, ByteBuffer output)
    {
        output.Restart(announced);
        if (start == end && announced == 0) return;
        ReadOnlySpan<byte> source = packed.AsSpan(start..end);
        try
        {
            switch (codec)
            {
                case Uncompressed:
                    source.CopyTo(output.Write(source.Length));
                    break;
                case SnappyCodec:
                    Snappy.Decompress(source, output);
                    break;
                case Gzip:
                    var bytes = new MemoryStream(packed, start, end - start);
                    using (Stream gzip = source is [0x1F, 0x8B, ..] ? new GZipStream(bytes, CompressionMode.Decompress) : new ZLibStream(bytes, CompressionMode.Decompress)) Fill(gzip, output);
                    break;
                case Brotli:
                    using (var brotli = new BrotliStream(new MemoryStream(packed, start, end - start), CompressionMode.Decompress)) Fill(brotli, output);
                    break;
                case HadoopLz4:
                    Lz4.DecompressHadoop(source, output);
                    break;
                case Zstd:
                    Zstandard.Decompress(source, output);
                    break;
                case RawLz4:
                    Lz4.DecompressBlock(source, output);
                    break;
                case Lzo:
                    throw new FormatException("it is packed with LZO, which is not read here, so write it with zstd or snappy");
                default:
                    throw new FormatException($"it is packed with the unknown codec {codec}");
            }
        }
        catch (Exception exception) when (exception is ArgumentException or IndexOutOfRangeException or OverflowException or InvalidDataException or InvalidOperationException)
        {
            throw new FormatException("a page does not unpack", exception); // The decompressors lean on the bounds of their spans.
        }
        if (output.Missing != 0) throw new FormatException($"a page unpacks to {output.Length} bytes instead of {announced}");
    }

    private static void Fill(Stream stream, ByteBuffer output)
    {
        while (output.Missing > 0)
        {
            Span<byte> part = output.Write(Math.Min(output.Missing, 1 << 16));
            if (stream.ReadAtLeast(part, part.Length, throwOnEndOfStream: false) < part.Length) throw new FormatException($"a page unpacks to fewer than {output.Length} bytes");
        }
        if (stream.ReadByte() >= 0) throw new FormatException($"a page unpacks to more than {output.Length} bytes");
    }
}
