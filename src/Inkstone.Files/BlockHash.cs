using System.Buffers.Binary;

namespace Inkstone.Files;

/// <summary>
/// A hash of FIPS 180-4 with blocks of 64 bytes, over bytes that come in pieces: what hubs publish of their files. The runtime's own call
/// OpenSSL,
/// and a program compiled ahead ends with an abort where its library is missing. Nothing secret depends on these.
/// </summary>
public abstract class BlockHash
{
    private const int BlockSize = 64;
    private readonly byte[] _block = new byte[BlockSize];
    private int _filled;
    private long _length;

    private protected BlockHash(uint[] start) => State = start;

    /// <summary>The words of the hash so far.</summary>
    private protected uint[] State { get; }

    /// <summary>Adds bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _length += bytes.Length;
        if (_filled > 0)
        {
            int taken = Math.Min(BlockSize - _filled, bytes.Length);
            bytes[..taken].CopyTo(_block.AsSpan(_filled));
            _filled += taken;
            bytes = bytes[taken..];
            if (_filled < BlockSize)
            {
                return;
            }
            Compress(_block);
            _filled = 0;
        }
        int whole = bytes.Length / BlockSize * BlockSize;
        if (whole > 0)
        {
            Compress(bytes[..whole]);
        }
        bytes[whole..].CopyTo(_block);
        _filled = bytes.Length - whole;
    }

    /// <summary>Ends the hash: a one bit, zeros, and the length in bits fill the last block, or two. Nothing may be added
    /// afterwards.</summary>
    /// <returns>the bytes of the hash</returns>
    public byte[] Finish()
    {
        Span<byte> last = stackalloc byte[2 * BlockSize];
        last.Clear();
        _block.AsSpan(0, _filled).CopyTo(last);
        last[_filled] = 0x80;
        last = last[..(_filled + 9 <= BlockSize ? BlockSize : 2 * BlockSize)];
        BinaryPrimitives.WriteInt64BigEndian(last[^8..], 8 * _length);
        Compress(last);
        byte[] hash = new byte[4 * State.Length];
        for (int i = 0; i < State.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(4 * i), State[i]);
        }
        return hash;
    }

    /// <summary>The same as hexadecimal digits in lower case.</summary>
    public string FinishHex() => Convert.ToHexStringLower(Finish());

    /// <summary>Adds a file's bytes.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled in between.</exception>
    public void AppendFile(string path, CancellationToken cancelled = default)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.SequentialScan);
        byte[] buffer = new byte[1 << 18];
        for (int read; (read = stream.Read(buffer)) > 0; )
        {
            cancelled.ThrowIfCancellationRequested();
            Append(buffer.AsSpan(0, read));
        }
    }

    /// <summary>Works whole blocks into <see cref="State"/>.</summary>
    private protected abstract void Compress(ReadOnlySpan<byte> blocks);
}
