using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Data;

/// <summary>Texts of a search, read by their rows: the index holds 32 bytes for each (offset, bytes, different shingles, sketch), the spool
/// their UTF-8.</summary>
internal sealed class SpooledTexts(string folder) : IDisposable
{
    /// <summary>The files' common name: number 0 is the index, 1 the texts.</summary>
    public const string Name = "texts";

    private const int EntrySize = 32;
    private readonly SafeFileHandle _index = File.OpenHandle(AppendFiles.PathOf(folder, Name, 0));
    private readonly SafeFileHandle _texts = File.OpenHandle(AppendFiles.PathOf(folder, Name, 1));

    /// <summary>Appends a text.</summary>
    public static void Append(AppendFiles files, ReadOnlySpan<byte> text, uint shingles, UInt128 sketch)
    {
        Span<byte> entry = stackalloc byte[EntrySize];
        BinaryPrimitives.WriteInt64LittleEndian(entry, files.Length(1));
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], text.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], shingles);
        BinaryPrimitives.WriteUInt128LittleEndian(entry[16..], sketch);
        files.Append(0, entry);
        files.Append(1, text);
    }

    /// <summary>Where a text lies, and what is known of it.</summary>
    public Entry Find(uint row)
    {
        Span<byte> entry = stackalloc byte[EntrySize];
        Fill(_index, entry, (long)row * EntrySize);
        return new Entry(
            BinaryPrimitives.ReadInt64LittleEndian(entry),
            BinaryPrimitives.ReadInt32LittleEndian(entry[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(entry[12..]),
            BinaryPrimitives.ReadUInt128LittleEndian(entry[16..])
        );
    }

    /// <summary>Reads a text into scratch, which grows.</summary>
    public ReadOnlySpan<char> Read(Entry entry, ref byte[] bytes, ref char[] text)
    {
        if (bytes.Length < entry.Length)
        {
            (bytes, text) = (new byte[2 * entry.Length], new char[2 * entry.Length]);
        }
        Fill(_texts, bytes.AsSpan(0, entry.Length), entry.Offset);
        return text.AsSpan(0, Encoding.UTF8.GetChars(bytes.AsSpan(0, entry.Length), text));
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
            if (read == 0)
            {
                throw new InvalidDataException("the texts of an unfinished run are incomplete: use --force to begin anew.");
            }
            bytes = bytes[read..];
            offset += read;
        }
    }

    /// <summary>One text of the spool.</summary>
    public readonly record struct Entry(long Offset, int Length, int Shingles, UInt128 Sketch);
}
