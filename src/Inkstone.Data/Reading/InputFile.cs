using System.IO.Compression;
using System.Text;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Inkstone.Data;

/// <summary>A text file that is read line by line, as it is or packed by gzip or zstd.</summary>
internal sealed class InputFile : IDisposable
{
    private readonly FileStream _raw;
    private readonly Stream _stream;
    private readonly string _file;

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no text in UTF-8.</exception>
    public InputFile(string file)
    {
        if (!File.Exists(file))
        {
            throw new FileNotFoundException($"there is no file '{file}': check the path.", file);
        }
        _file = file;
        _raw = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        _stream = Unpacked(_raw);
        try
        {
            Lines = new LineReader(_stream, file);
            RefuseBinary(Lines.Peek(), file);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LineReader Lines { get; }

    /// <summary>Bytes read of the file as it lies on the disk.</summary>
    public long Position => _raw.Position;

    /// <summary>To be called behind the last line.</summary>
    /// <exception cref="InvalidDataException">A gzip file was cut off.</exception>
    public void Complete()
    {
        if (_stream is GZipStream)
        {
            GzipEnd.Check(_raw, Lines.BytesRead, _file);
        }
        _raw.Position = _raw.Length;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _raw.Dispose();
    }

    /// <summary>A file that is read otherwise than line by line, unpacked where it is packed.</summary>
    public static Stream Unpacked(FileStream raw)
    {
        Span<byte> magic = stackalloc byte[4];
        magic = magic[..raw.ReadAtLeast(magic, 4, throwOnEndOfStream: false)];
        raw.Position = 0;
        switch (magic)
        {
            case [0x1F, 0x8B, ..]:
                return new GZipStream(raw, CompressionMode.Decompress);
            case [0x28, 0xB5, 0x2F, 0xFD] or [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18]: // A frame of zstd, or one to skip (RFC 8878, section 3.1).
                DecompressionStream zstd = new(raw);
                zstd.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, 31); // zstd --long=31
                return zstd;
            default:
                return raw;
        }
    }

    /// <summary>No text holds zero bytes, and text in UTF-8 is not full of bytes that UTF-8 never has.</summary>
    private static void RefuseBinary(ReadOnlySpan<byte> start, string file)
    {
        int zero = start.IndexOf((byte)0);
        if (zero >= 0)
        {
            throw new InvalidDataException(
                $"the file '{file}' is binary (a zero byte at offset {zero}), not text: leave it out or convert it to UTF-8."
            );
        }

        int invalid = 0;
        for (ReadOnlySpan<byte> rest = start; rest.Length > 4; )
        {
            if (Rune.DecodeFromUtf8(rest, out _, out int length) != System.Buffers.OperationStatus.Done)
            {
                invalid += length;
            }
            rest = rest[length..];
        }
        if (invalid > start.Length * 3L / 10)
        {
            throw new InvalidDataException(
                $"the file '{file}' is not in UTF-8 ({invalid} of its first {start.Length} bytes cannot be): convert it, for example with iconv -f GB18030 -t UTF-8."
            );
        }
    }
}
