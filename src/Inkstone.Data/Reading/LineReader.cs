namespace Inkstone.Data;

/// <summary>
/// Lines of a stream as UTF-8 bytes, without their ends (LF or CR LF) and without a byte order mark. The buffer grows only to the
/// longest line.
/// </summary>
internal sealed class LineReader(Stream stream, string name)
{
    private const int LongestLine = 1 << 30;
    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _atEnd;

    /// <summary>Number of the line read last, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Bytes taken from the stream.</summary>
    public long BytesRead { get; private set; }

    /// <summary>The next line; it stays valid until the next call.</summary>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int searched = _start;
        while (true)
        {
            int at = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                line = Take(searched + at, skip: 1);
                return true;
            }
            if (_atEnd)
            {
                bool any = _end > _start;
                line = any ? Take(_end, skip: 0) : default;
                return any;
            }
            int pending = _end - _start;
            Fill();
            searched = _start + pending;
        }
    }

    /// <summary>The bytes at the beginning of the file, before any line is read: enough to tell text from something else.</summary>
    public ReadOnlySpan<byte> Peek()
    {
        if (_end == 0 && !_atEnd)
        {
            Fill();
        }
        return _buffer.AsSpan(_start, _end - _start);
    }

    private ReadOnlySpan<byte> Take(int end, int skip)
    {
        ReadOnlySpan<byte> line = _buffer.AsSpan(_start, end - _start);
        _start = end + skip;
        if (++Line == 1 && line.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }
        return line.EndsWith("\r"u8) ? line[..^1] : line;
    }

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= LongestLine)
            {
                throw new InvalidDataException($"line {Line + 1} of '{name}' is longer than 1 GiB: is this a text file with lines?");
            }
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }
        int read;
        try
        {
            read = stream.Read(_buffer, _end, _buffer.Length - _end);
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or ZstdSharp.ZstdException)
        {
            throw new InvalidDataException(
                $"the packed file '{name}' is damaged after line {Line} ({exception.Message.TrimEnd('.')}): fetch it again.",
                exception
            );
        }
        _atEnd = read == 0;
        _end += read;
        BytesRead += read;
    }
}
