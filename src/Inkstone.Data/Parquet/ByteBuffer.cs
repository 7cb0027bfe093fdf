namespace Inkstone.Data;

/// <summary>
/// Bytes that a decompressor writes: the array grows with what is asked for and never beyond the length that was announced,
/// so that a lie about the length costs no memory.
/// </summary>
internal sealed class ByteBuffer
{
    private byte[] _bytes = new byte[1 << 12];
    private int _announced;

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>Bytes that are still missing from the announced length.</summary>
    public int Missing => _announced - Length;

    public void Restart(int announced) => (Length, _announced) = (0, announced);

    /// <summary>Room for the next bytes, which count as written.</summary>
    /// <exception cref="FormatException">There are more than were announced.</exception>
    public Span<byte> Write(int count)
    {
        if ((uint)count > (uint)Missing)
        {
            throw new FormatException($"more than the announced {_announced} bytes are packed in it");
        }
        if (Length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Math.Max(2L * _bytes.Length, Length + (long)count), Array.MaxLength));
        }
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
