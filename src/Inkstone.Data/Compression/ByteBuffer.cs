namespace Inkstone.Data;

/// <summary>
/// Bytes that a decompressor writes: the array grows with what is really written and never beyond the length that was announced,
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
        if ((uint)count > (uint)Missing) throw new FormatException($"more than the announced {_announced} bytes are packed in it");
        if (Length + count > _bytes.Length) Array.Resize(ref _bytes, (int)Math.Min(Math.Max(2L * _bytes.Length, Length + (long)count), Array.MaxLength));
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }

    /// <summary>Repeats bytes that lie <paramref name="distance"/> before the end; the copy may overlap itself (LZ77).</summary>
    public void Repeat(int distance, int count)
    {
        if (distance <= 0 || distance > Length) throw new FormatException("it repeats bytes before its beginning");
        int from = Length - distance;
        Write(count);
        Span<byte> to = _bytes.AsSpan(from + distance, count);
        if (distance == 1) to.Fill(_bytes[from]);
        else
        {
            // What is copied doubles the pattern, so that each step copies between separate spans.
            for (int done = 0; done < count;)
            {
                int step = Math.Min(distance + done, count - done);
                _bytes.AsSpan(from, step).CopyTo(to[done..]);
                done += step;
            }
        }
    }
}
