using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Data;

/// <summary>
/// Header of a NumPy array file (numpy.lib.format, versions 1.0 to 3.0), for one-dimensional arrays of ids.
/// </summary>
internal static partial class NpyHeader
{
    /// <summary>Length of the header that <see cref="ToBytes"/> makes, whatever the count: it can be rewritten in place.</summary>
    public const int WrittenSize = 128;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static bool IsPresent(ReadOnlySpan<byte> start) => start.StartsWith(Magic);

    /// <summary>The shape and where the first id lies.</summary>
    public static TokenShardHeader Parse(FileStream file, out int dataOffset)
    {
        Span<byte> prefix = stackalloc byte[12];
        file.Position = 0;
        int got = file.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        bool isVersion1 = got >= 10 && prefix[6] == 1;
        int prefixLength = isVersion1 ? 10 : 12;
        if (got < prefixLength)
        {
            throw CutOff(file);
        }

        long length = isVersion1
            ? BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        if (prefixLength + length > file.Length || length > 1 << 16)
        {
            throw CutOff(file);
        }

        byte[] dictionary = new byte[length];
        file.Position = prefixLength;
        file.ReadExactly(dictionary);
        string text = Encoding.Latin1.GetString(dictionary);

        int width = DescrPattern().Match(text).Groups[1].Value switch
        {
            "<u2" => 2,
            "<u4" => 4,
            var other => throw new InvalidDataException(
                $"the array '{file.Name}' holds dtype '{other}', ids must be little-endian uint16 ('<u2') or uint32 ('<u4'): convert it with numpy's astype."
            ),
        };
        if (!long.TryParse(ShapePattern().Match(text).Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            throw new InvalidDataException(
                $"the array '{file.Name}' is not one-dimensional (header: {text.Trim()}): flatten it with numpy's ravel."
            );
        }

        dataOffset = (int)(prefixLength + length);
        if (count > long.MaxValue / 8 || file.Length != dataOffset + count * width)
        {
            throw new InvalidDataException(
                $"the array '{file.Name}' claims {count} ids of {width} bytes after byte {dataOffset}, but its length is {file.Length} bytes: it was cut or changed, write it again."
            );
        }

        return new TokenShardHeader(width, count);
    }

    /// <summary>A version 1.0 header, padded with spaces so that the data begin at a multiple of 64 bytes.</summary>
    public static byte[] ToBytes(int bytesPerToken, long count)
    {
        byte[] bytes = new byte[WrittenSize];
        bytes.AsSpan().Fill((byte)' ');
        Magic.CopyTo(bytes);
        bytes[6] = 1;
        bytes[7] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), WrittenSize - 10);
        string dictionary = string.Create(
            CultureInfo.InvariantCulture,
            $"{{'descr': '<u{bytesPerToken}', 'fortran_order': False, 'shape': ({count},), }}"
        );
        Encoding.ASCII.GetBytes(dictionary, bytes.AsSpan(10));
        bytes[^1] = (byte)'\n';
        return bytes;
    }

    private static InvalidDataException CutOff(FileStream file) =>
        new($"The array '{file.Name}' is cut off inside its NumPy header ({file.Length} bytes): write it again.");

    [GeneratedRegex(@"'descr'\s*:\s*'([^']*)'")]
    private static partial Regex DescrPattern();

    [GeneratedRegex(@"'shape'\s*:\s*\(\s*(\d+)\s*,?\s*\)")]
    private static partial Regex ShapePattern();
}
