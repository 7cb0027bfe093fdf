using System.Buffers.Binary;
using Inkstone.Files;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Hub;

/// <summary>
/// A file that is being loaded, in one part or several, and the journal beside it of how far each part has come. A part's place is written
/// after its bytes,
/// so whoever goes on after a kill has all that the journal says; after a power cut the checksum tells.
/// </summary>
/// <remarks>Journal: int64 length of the file (-1: not known), uint64 of what names its version, int64 parts, then of each part int64 end
/// and int64 place; little-endian.</remarks>
internal sealed class Parts : IDisposable
{
    private const int HeaderSize = 24,
        PartSize = 16;
    private readonly string _file,
        _journal;
    private readonly SafeFileHandle _data,
        _places;
    private readonly long[] _ends,
        _at;

    private Parts(string file, long length, ulong version, long[] ends, long[] at)
    {
        (_file, _journal, Length, _ends, _at) = (file, JournalOf(file), length, ends, at);
        _data = File.OpenHandle(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        _places = File.OpenHandle(_journal, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        byte[] journal = new byte[HeaderSize + PartSize * ends.Length];
        BinaryPrimitives.WriteInt64LittleEndian(journal, length);
        BinaryPrimitives.WriteUInt64LittleEndian(journal.AsSpan(8), version);
        BinaryPrimitives.WriteInt64LittleEndian(journal.AsSpan(16), ends.Length);
        for (int i = 0; i < ends.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(journal.AsSpan(HeaderSize + PartSize * i), ends[i]);
            BinaryPrimitives.WriteInt64LittleEndian(journal.AsSpan(HeaderSize + PartSize * i + 8), at[i]);
        }
        RandomAccess.SetLength(_places, journal.Length);
        RandomAccess.Write(_places, journal, 0);
    }

    /// <summary>Length of the whole file; -1 while nobody has said it.</summary>
    public long Length { get; }

    public int Count => _ends.Length;

    /// <summary>Bytes that are on the disk.</summary>
    public long Done
    {
        get
        {
            long done = 0;
            for (int i = 0; i < Count; i++)
            {
                done += Volatile.Read(ref _at[i]) - Start(i);
            }
            return done;
        }
    }

    /// <summary>Goes on with what an earlier process has left, if that is of the same length and version; else begins.</summary>
    public static Parts Open(string file, long length, ulong version, int parts)
    {
        if (File.Exists(file) && File.Exists(JournalOf(file)) && TryRead(file, length, version) is { } left)
        {
            return new Parts(file, length, version, left.Ends, left.At);
        }
        return Begin(file, length, version, parts);
    }

    /// <summary>Throws away what was loaded and begins anew.</summary>
    public Parts Again(int parts, ulong version)
    {
        Dispose();
        return Begin(_file, Length, version, parts);
    }

    public long At(int part) => Volatile.Read(ref _at[part]);

    /// <summary>Where a part ends; <see cref="long.MaxValue"/> where the length is not known.</summary>
    public long End(int part) => _ends[part];

    /// <summary>Adds bytes to a part.</summary>
    public void Append(int part, ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_data, bytes, _at[part]);
        Volatile.Write(ref _at[part], _at[part] + bytes.Length);
        Note(part);
    }

    /// <summary>Begins a part again, because its source cannot go on where it was.</summary>
    public void Rewind(int part)
    {
        Volatile.Write(ref _at[part], Start(part));
        Note(part);
    }

    /// <summary>Flushes the bytes and deletes the journal: the file is one file now, not yet checked.</summary>
    public void Complete()
    {
        RandomAccess.FlushToDisk(_data);
        Dispose();
    }

    /// <summary>Deletes a file that was being loaded, with its journal.</summary>
    public static void Delete(string file)
    {
        File.Delete(file);
        File.Delete(JournalOf(file));
    }

    public static string JournalOf(string file) => file + ".parts";

    public void Dispose()
    {
        _data.Dispose();
        _places.Dispose();
    }

    private long Start(int part) => part == 0 ? 0 : _ends[part - 1];

    private void Note(int part)
    {
        Span<byte> place = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(place, _at[part]);
        RandomAccess.Write(_places, place, HeaderSize + PartSize * part + 8);
    }

    private static Parts Begin(string file, long length, ulong version, int parts)
    {
        Delete(file);
        long[] ends = new long[parts],
            at = new long[parts];
        for (int i = 0; i < parts; i++)
        {
            ends[i] =
                length < 0 ? long.MaxValue
                : i == parts - 1 ? length
                : length / parts * (i + 1);
            at[i] = i == 0 ? 0 : ends[i - 1];
        }
        return new Parts(file, length, version, ends, at);
    }

    private static (long[] Ends, long[] At)? TryRead(string file, long length, ulong version)
    {
        byte[] journal = File.ReadAllBytes(JournalOf(file));
        long has = new FileInfo(file).Length;
        if (
            journal.Length < HeaderSize
            || BinaryPrimitives.ReadInt64LittleEndian(journal) != length
            || BinaryPrimitives.ReadUInt64LittleEndian(journal.AsSpan(8)) != version
        )
        {
            return null;
        }
        long parts = BinaryPrimitives.ReadInt64LittleEndian(journal.AsSpan(16));
        if (parts is < 1 or > 1024 || journal.Length != HeaderSize + PartSize * parts)
        {
            return null;
        }
        long[] ends = new long[parts],
            at = new long[parts];
        long start = 0;
        for (int i = 0; i < parts; i++)
        {
            ends[i] = BinaryPrimitives.ReadInt64LittleEndian(journal.AsSpan(HeaderSize + PartSize * i));
            at[i] = BinaryPrimitives.ReadInt64LittleEndian(journal.AsSpan(HeaderSize + PartSize * i + 8));
            if (ends[i] < start || at[i] < start || at[i] > ends[i] || at[i] > start && has < at[i])
            {
                return null;
            }
            start = ends[i];
        }
        return ends[^1] == (length < 0 ? long.MaxValue : length) ? (ends, at) : null;
    }
}
