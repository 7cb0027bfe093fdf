using System.Buffers;
using System.IO.Compression;

namespace Inkstone.Data;

/// <summary>A part of a dump: XML cut anywhere, or a packed stream of it.</summary>
/// <param name="Bytes">pooled memory; whoever has read it gives it back</param>
/// <param name="Length">how much of it counts</param>
/// <param name="IsPacked">whether it is a bz2 stream</param>
/// <param name="Offset">where in the file it begins</param>
internal readonly record struct DumpPart(byte[] Bytes, int Length, bool IsPacked, long Offset);

/// <summary>Reads a dump part by part: plain, gzipped, or bz2 of one or many streams. Streams come packed, for others to unpack, unless one
/// is very long.</summary>
internal sealed class DumpParts(string file) : IDisposable
{
    private const int PartSize = 4 << 20;
    private readonly FileStream _file = Open(file);

    /// <summary>Packed bytes above which a stream is unpacked here and not handed out.</summary>
    public int LongStream { get; init; } = 32 << 20;

    /// <summary>Bytes read of the file.</summary>
    public long Position { get; private set; }

    public long Length => _file.Length;

    public IEnumerable<DumpPart> Read()
    {
        _file.Position = 0;
        byte[] head = new byte[4];
        int read = _file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        _file.Position = 0;
        return head.AsSpan(0, read) switch
        {
            [(byte)'B', (byte)'Z', (byte)'h', ..] => Streams(),
            [0x1F, 0x8B, ..] => Xml(new GZipStream(_file, CompressionMode.Decompress, leaveOpen: true), 0),
            [(byte)'<', ..] or [0xEF, 0xBB, 0xBF, ..] or [(byte)' ' or (byte)'\n' or (byte)'\r', ..] => Xml(_file, 0),
            [] => throw new InvalidDataException($"the file '{file}' is empty: fetch it again."),
            _ => throw new InvalidDataException($"the file '{file}' is no dump of MediaWiki: it is read as .xml, .xml.bz2 or .xml.gz."),
        };
    }

    /// <summary>The beginning of the XML, for its head.</summary>
    public byte[] Beginning(int most)
    {
        using MemoryStream beginning = new();
        foreach (DumpPart part in Read())
        {
            if (part.IsPacked)
            {
                using Stream xml = BzipStreams.Unpack(new MemoryStream(part.Bytes, 0, part.Length), file, part.Offset);
                xml.CopyTo(beginning);
            }
            else
            {
                beginning.Write(part.Bytes, 0, part.Length);
            }
            ArrayPool<byte>.Shared.Return(part.Bytes);
            if (beginning.Length >= most || beginning.GetBuffer().AsSpan(0, (int)beginning.Length).IndexOf("</siteinfo>"u8) >= 0)
            {
                break;
            }
        }
        return beginning.ToArray();
    }

    public void Dispose() => _file.Dispose();

    private IEnumerable<DumpPart> Streams()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PartSize);
        (int start, int end, int searched, long offset) = (0, 0, 1, 0); // the stream being looked at begins at start, which is offset in the file
        bool isEnd = false;
        while (!isEnd || start < end)
        {
            int next = BzipStreams.Next(buffer.AsSpan(0, end), searched);
            if (next < 0 && !isEnd && end - start < LongStream)
            {
                searched = Math.Max(start + 1, end - 9);
                if (end == buffer.Length)
                {
                    if (end - start > buffer.Length / 2)
                    {
                        buffer = Larger(buffer, end);
                    }
                    buffer.AsSpan(start, end - start).CopyTo(buffer);
                    (start, end, searched) = (0, end - start, searched - start);
                }
                int read = _file.Read(buffer, end, Math.Min(buffer.Length - end, LongStream));
                (end, isEnd) = (end + read, read == 0);
                continue;
            }
            if (next < 0 && !isEnd)
            {
                // One long stream: it is unpacked here, piece by piece, and the search goes on behind it.
                _file.Position = offset;
                foreach (DumpPart part in Xml(BzipStreams.Unpack(_file, file, offset), offset))
                {
                    yield return part;
                }
                (start, end, searched, offset) = (0, 0, 1, _file.Position);
                isEnd = offset == _file.Length;
                continue;
            }
            int length = (next < 0 ? end : next) - start;
            byte[] packed = ArrayPool<byte>.Shared.Rent(length);
            buffer.AsSpan(start, length).CopyTo(packed);
            Position = offset + length;
            yield return new DumpPart(packed, length, IsPacked: true, offset);
            (start, searched, offset) = (start + length, start + length + 1, offset + length);
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private IEnumerable<DumpPart> Xml(Stream xml, long offset)
    {
        while (true)
        {
            byte[] part = ArrayPool<byte>.Shared.Rent(PartSize);
            int read = xml.ReadAtLeast(part.AsSpan(0, PartSize), PartSize, throwOnEndOfStream: false);
            Position = _file.Position;
            if (read > 0)
            {
                yield return new DumpPart(part, read, IsPacked: false, offset);
            }
            else
            {
                ArrayPool<byte>.Shared.Return(part);
            }
            if (read < PartSize)
            {
                yield break;
            }
        }
    }

    private static byte[] Larger(byte[] buffer, int length)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(2 * buffer.Length);
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private static FileStream Open(string file) =>
        File.Exists(file)
            ? new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan)
            : throw new FileNotFoundException($"there is no file '{file}': check the path.", file);
}
