using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace Inkstone.Data;

/// <summary>Cleaned documents on the disk, each as its length in 4 bytes and its UTF-8, and the same without what was there
/// before.</summary>
internal sealed class PrepareSpool : IDisposable
{
    /// <summary>What it is called in its folder.</summary>
    public const string FileName = "spool.tmp";

    private readonly FileStream _file;
    private readonly int _lineLength,
        _minLength;
    private BitArray? _duplicates,
        _lines;

    /// <param name="folder">where it lies</param>
    /// <param name="whole">bytes of it that an earlier run has left</param>
    /// <param name="options">the least lengths of a line to compare and of a document</param>
    public PrepareSpool(string folder, long whole, PrepareOptions options)
    {
        (_lineLength, _minLength) = (options.DedupLines, Math.Max(1, options.MinLength));
        _file = new FileStream(Path.Combine(folder, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1 << 16);
        if (_file.Length < whole)
        {
            throw new InvalidDataException($"the unfinished run in '{folder}' is incomplete: delete that folder to begin anew.");
        }
        _file.SetLength(whole);
        _file.Position = whole;
    }

    /// <summary>Appends a document.</summary>
    public void Append(ReadOnlySpan<byte> text)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        _file.Write(length);
        _file.Write(text);
    }

    /// <summary>Bytes so far, all of them handed to the disk.</summary>
    public long Flush()
    {
        _file.Flush(flushToDisk: true);
        return _file.Length;
    }

    /// <summary>From now on <see cref="Read"/> leaves out documents that equal an earlier one; returns how many.</summary>
    public long DropDuplicates(string folder, CancellationToken cancellation)
    {
        using ExactDedup dedup = new(folder);
        foreach (ReadOnlyMemory<byte> text in Raw())
        {
            cancellation.ThrowIfCancellationRequested();
            dedup.Add(text.Span);
        }
        _duplicates = dedup.FindDuplicates();
        return _duplicates.Cast<bool>().LongCount(d => d);
    }

    /// <summary>What <see cref="DropDuplicates"/> has found.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Duplicates() => Raw().Where((_, document) => _duplicates?[document] == true);

    /// <summary>From now on <see cref="Read"/> leaves out lines that equal an earlier one.</summary>
    public void DropLines(string folder, CancellationToken cancellation)
    {
        using ExactDedup dedup = new(folder);
        foreach ((ReadOnlyMemory<byte> text, _) in Read())
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (Range line in text.Span.Split((byte)'\n'))
            {
                if (IsCompared(text.Span[line]))
                {
                    dedup.Add(text.Span[line].Trim(" \t\r"u8));
                }
            }
        }
        _lines = dedup.FindDuplicates();
    }

    /// <summary>The documents that are left, with whether lines were taken out of them; an empty text is one of which too little is
    /// left.</summary>
    public IEnumerable<(ReadOnlyMemory<byte> Text, bool IsCut)> Read()
    {
        int document = 0,
            line = 0;
        foreach (ReadOnlyMemory<byte> text in Raw())
        {
            if (_duplicates?[document++] == true)
            {
                continue;
            }
            yield return _lines is null ? (text, false) : WithoutRepeatedLines(text, _lines, ref line);
        }
    }

    public void Dispose()
    {
        // A full disk refuses the last buffered bytes, which no state speaks of.
        try
        {
            _file.Dispose();
        }
        catch (IOException) { }
    }

    private (ReadOnlyMemory<byte> Text, bool IsCut) WithoutRepeatedLines(ReadOnlyMemory<byte> text, BitArray repeated, ref int line)
    {
        using MemoryStream kept = new();
        bool isCut = false;
        foreach (Range range in text.Span.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> bytes = text.Span[range];
            if (IsCompared(bytes) && repeated[line++])
            {
                isCut = true;
                continue;
            }
            kept.Write(bytes);
            kept.WriteByte((byte)'\n');
        }
        if (!isCut)
        {
            return (text, false);
        }
        string left = Encoding.UTF8.GetString(kept.ToArray()).Trim('\n');
        return (CleaningRules.CharacterCount(left.Trim()) < _minLength ? ReadOnlyMemory<byte>.Empty : Encoding.UTF8.GetBytes(left), true);
    }

    private bool IsCompared(ReadOnlySpan<byte> line) =>
        line.Length >= _lineLength && Encoding.UTF8.GetCharCount(line.Trim(" \t\r"u8)) >= _lineLength;

    private IEnumerable<ReadOnlyMemory<byte>> Raw()
    {
        _file.Flush();
        _file.Position = 0;
        byte[] buffer = new byte[1 << 12];
        while (_file.ReadAtLeast(buffer.AsSpan(0, 4), 4, throwOnEndOfStream: false) == 4)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
            if (buffer.Length < length)
            {
                buffer = new byte[Math.Max(length, 2 * buffer.Length)];
            }
            _file.ReadExactly(buffer, 0, length);
            yield return buffer.AsMemory(0, length);
        }
    }
}
