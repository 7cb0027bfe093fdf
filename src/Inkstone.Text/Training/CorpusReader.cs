using System.IO.Compression;
using System.Text;
using System.Text.Unicode;

namespace Inkstone.Text;

/// <summary>Some whole pieces of the corpus as valid UTF-8: lines that end in <c>\n</c> when <see cref="Ends"/> is empty, else documents
/// that end there.</summary>
internal sealed class CorpusChunk
{
    public byte[] Bytes { get; set; } = [];

    public int Length { get; set; }

    public List<int> Ends { get; } = [];
}

/// <summary>Hands out a corpus in chunks of a few megabytes; safe to call from several threads.</summary>
internal abstract class CorpusReader
{
    protected const int ChunkSize = 2 << 20;

    private readonly Lock _gate = new();

    /// <summary>Bytes handed out, as they lie on the disk for files.</summary>
    public long BytesRead { get; protected set; }

    /// <summary>Bytes in all, or 0 when unknown.</summary>
    public long TotalBytes { get; protected init; }

    /// <summary>Ill-formed sequences replaced by U+FFFD.</summary>
    public long InvalidBytes { get; private set; }

    /// <summary>Fills <paramref name="chunk"/>; false at the end of the corpus.</summary>
    public bool Next(CorpusChunk chunk)
    {
        lock (_gate)
        {
            chunk.Ends.Clear();
            return Fill(chunk);
        }
    }

    protected abstract bool Fill(CorpusChunk chunk);

    /// <summary>Makes the chunk valid UTF-8, as far as it was not.</summary>
    protected void Replace(CorpusChunk chunk)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.AsSpan(0, chunk.Length);
        if (Utf8.IsValid(bytes))
        {
            return;
        }
        for (int i = 0; i < bytes.Length; )
        {
            if (Rune.DecodeFromUtf8(bytes[i..], out _, out int consumed) != System.Buffers.OperationStatus.Done)
            {
                InvalidBytes++;
            }
            i += consumed;
        }
        chunk.Bytes = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes));
        chunk.Length = chunk.Bytes.Length;
    }
}

/// <summary>Files one after another, plain or gzip (known by their first bytes). Chunks end after a line break; inside a longer line, where
/// every split pattern cuts.</summary>
internal sealed class CorpusFiles : CorpusReader, IDisposable
{
    private readonly IReadOnlyList<string> _files;
    private int _next;
    private FileStream? _file;
    private Stream? _text;
    private byte[] _rest = new byte[ChunkSize];
    private int _restLength;
    private long _before;

    public CorpusFiles(IEnumerable<string> files)
    {
        _files = [.. files];
        foreach (string file in _files)
        {
            if (!File.Exists(file))
            {
                throw new FileNotFoundException(
                    Directory.Exists(file)
                        ? $"'{file}' is a folder; name the text files in it."
                        : $"Corpus file '{file}' does not exist; check the path.",
                    file
                );
            }
            TotalBytes += new FileInfo(file).Length;
        }
    }

    public void Dispose()
    {
        _text?.Dispose();
        _file?.Dispose();
    }

    protected override bool Fill(CorpusChunk chunk)
    {
        while (_text != null || Open())
        {
            // What was left from before the cut comes first, then as much as the chunk holds.
            int capacity = Math.Max(ChunkSize, _restLength * 2);
            if (chunk.Bytes.Length < capacity)
            {
                chunk.Bytes = new byte[capacity];
            }
            Span<byte> bytes = chunk.Bytes;
            _rest.AsSpan(0, _restLength).CopyTo(bytes);
            int length = _restLength + ReadText(bytes[_restLength..]);
            _restLength = 0;
            BytesRead = _before + _file!.Position;
            if (length == 0)
            {
                Close();
                continue;
            }
            chunk.Length = length < bytes.Length ? length : SafeCut(bytes[..length]);
            Keep(bytes[chunk.Length..length]);
            if (chunk.Length > 0)
            {
                Replace(chunk);
                return true;
            }
        }
        return false;
    }

    private int ReadText(Span<byte> bytes)
    {
        try
        {
            return _text!.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException fault)
        {
            throw new InvalidDataException(
                $"'{_files[_next - 1]}' is a damaged gzip file ({fault.Message.TrimEnd('.')}); pack it again.",
                fault
            );
        }
    }

    private void Keep(ReadOnlySpan<byte> rest)
    {
        if (rest.Length > Array.MaxLength / 2)
        {
            throw new InvalidDataException($"'{_files[_next - 1]}' has a word of more than 1 GiB; give it line breaks.");
        }
        if (_rest.Length < rest.Length)
        {
            _rest = new byte[rest.Length * 2];
        }
        rest.CopyTo(_rest);
        _restLength = rest.Length;
    }

    private bool Open()
    {
        if (_next == _files.Count)
        {
            return false;
        }
        string path = _files[_next++];
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        Span<byte> magic = stackalloc byte[2];
        bool gzip = _file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic[0] == 0x1F && magic[1] == 0x8B;
        _file.Position = 0;
        _text = gzip ? new GZipStream(_file, CompressionMode.Decompress) : _file;
        _restLength = ReadText(_rest.AsSpan(0, 8192));
        int nul = _rest.AsSpan(0, _restLength).IndexOf((byte)0);
        if (nul >= 0)
        {
            throw new InvalidDataException($"'{path}' is no text file (a zero byte at offset {nul}); give UTF-8 text, plain or gzip.");
        }
        return true;
    }

    private void Close()
    {
        _before += _file!.Length;
        BytesRead = _before;
        Dispose();
        (_text, _file) = (null, null);
    }

    /// <summary>
    /// Length of the largest head that can be split by itself: up to the last line break, else up to the last place where a letter meets
    /// something else, because no word of any pattern goes on from a letter to a non-letter; 0 when there is neither.
    /// </summary>
    private static int SafeCut(ReadOnlySpan<byte> bytes)
    {
        int line = bytes.LastIndexOf((byte)'\n');
        if (line >= 0)
        {
            return line + 1;
        }
        int cut = 0;
        bool letter = false;
        for (int i = 0; i < bytes.Length; )
        {
            if (Rune.DecodeFromUtf8(bytes[i..], out Rune rune, out int consumed) == System.Buffers.OperationStatus.NeedMoreData)
            {
                break;
            }
            bool now = CharClass.Classify(rune.Value) == CharClass.Letter;
            cut = letter && !now ? i : cut;
            letter = now;
            i += consumed;
        }
        return cut;
    }
}

/// <summary>Documents from memory, each split by itself.</summary>
internal sealed class CorpusDocuments(IEnumerable<string> documents) : CorpusReader, IDisposable
{
    private readonly IEnumerator<string> _documents = documents.GetEnumerator();

    public void Dispose() => _documents.Dispose();

    protected override bool Fill(CorpusChunk chunk)
    {
        chunk.Length = 0;
        while (chunk.Length < ChunkSize && _documents.MoveNext())
        {
            string document = _documents.Current;
            int needed = chunk.Length + Encoding.UTF8.GetByteCount(document);
            if (chunk.Bytes.Length < needed)
            {
                byte[] bytes = chunk.Bytes;
                Array.Resize(ref bytes, Math.Max(needed, ChunkSize));
                chunk.Bytes = bytes;
            }
            chunk.Length += Encoding.UTF8.GetBytes(document, chunk.Bytes.AsSpan(chunk.Length));
            chunk.Ends.Add(chunk.Length);
        }
        BytesRead += chunk.Length;
        return chunk.Ends.Count > 0;
    }
}
