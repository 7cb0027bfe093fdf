using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Data;

/// <summary>Texts of a search, read by their rows: the index holds 16 bytes for each (offset, bytes, different shingles), the spool their UTF-8.</summary>
internal sealed class SpooledTexts(string folder) : IDisposable
{
    /// <summary>The files' common name: number 0 is the index, 1 the texts.</summary>
    public const string Name = "texts";

    private const int EntrySize = 16;
    private readonly SafeFileHandle _index = File.OpenHandle(AppendFiles.PathOf(folder, Name, 0));
    private readonly SafeFileHandle _texts = File.OpenHandle(AppendFiles.PathOf(folder, Name, 1));

    /// <summary>Appends a text.</summary>
    public static void Append(AppendFiles files, ReadOnlySpan<byte> text, uint shingles)
    {
        Span<byte> entry = stackalloc byte[EntrySize];
        BinaryPrimitives.WriteInt64LittleEndian(entry, files.Length(1));
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], text.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], shingles);
        files.Append(0, entry);
        files.Append(1, text);
    }

    /// <summary>Reads a text, and how many different shingles it has.</summary>
    /// <param name="shingles">its different shingles</param>
    /// <param name="row">its row</param>
    /// <param name="bytes">scratch, which grows</param>
    /// <param name="text">scratch, which grows</param>
    public ReadOnlySpan<char> Read(uint row, ref byte[] bytes, ref char[] text, out int shingles)
    {
        Span<byte> entry = stackalloc byte[EntrySize];
        Fill(_index, entry, (long)row * EntrySize);
        int length = BinaryPrimitives.ReadInt32LittleEndian(entry[8..]);
        shingles = BinaryPrimitives.ReadInt32LittleEndian(entry[12..]);
        if (bytes.Length < length) (bytes, text) = (new byte[2 * length], new char[2 * length]);
        Fill(_texts, bytes.AsSpan(0, length), BinaryPrimitives.ReadInt64LittleEndian(entry));
        return text.AsSpan(0, Encoding.UTF8.GetChars(bytes.AsSpan(0, length), text));
    }

    public void Dispose()
    {
        _index.Dispose();
        _texts.Dispose();
    }

    private static void Fill(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(file, bytes, offset);
            if (read == 0) throw new InvalidDataException("The texts of an unfinished run are incomplete: use --force to begin anew.");
            bytes = bytes[read..];
            offset += read;
        }
    }
}
