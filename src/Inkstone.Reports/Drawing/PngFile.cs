using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Inkstone.Reports;

/// <summary>PNG (ISO/IEC 15948), 8 bits of red, green and blue.</summary>
internal static class PngFile
{
    /// <summary>Names us as the writer.</summary>
    private const string Software = "Software\0Inkstone report";

    /// <summary>Whether a file is a picture that we have written.</summary>
    public static bool IsOurs(string path)
    {
        byte[] start = new byte[128];
        using FileStream file = File.OpenRead(path);
        return start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)).IndexOf(Encoding.ASCII.GetBytes(Software))
            >= 0;
    }

    /// <summary>The file's bytes.</summary>
    /// <param name="rgb">rows of three bytes a pixel</param>
    /// <param name="width">pixels of a row</param>
    public static byte[] Encode(ReadOnlySpan<byte> rgb, int width)
    {
        int stride = 3 * width,
            height = rgb.Length / stride;
        using MemoryStream packed = new();
        using (ZLibStream zlib = new(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (int y = 0; y < height; y++)
            {
                zlib.WriteByte(0); // no filter
                zlib.Write(rgb.Slice(y * stride, stride));
            }
        }
        byte[] head = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(head, width);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(4), height);
        (head[8], head[9]) = (8, 2); // bits, truecolour
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        Chunk(file, "IHDR", head);
        Chunk(file, "tEXt", Encoding.ASCII.GetBytes(Software));
        Chunk(file, "IDAT", packed.ToArray());
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static void Chunk(MemoryStream file, string name, byte[] content)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(name), .. content],
            number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.HashToUInt32(body));
        file.Write(number);
    }
}
