using System.Buffers.Binary;
using System.Numerics;

namespace Inkstone.Data;

/// <summary>
/// Bits read from the end of a span towards its beginning (RFC 8878, section 4.1): the highest set bit of the last byte marks
/// where they start. Before the beginning there are zeros, and <see cref="Left"/> is negative.
/// </summary>
internal ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> _source;

    /// <exception cref="FormatException">The stream is empty or has no mark.</exception>
    public BackwardBits(ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty || source[^1] == 0) throw new FormatException("a Zstandard bit stream has no end mark");
        _source = source;
        Left = 8 * source.Length - 8 + BitOperations.Log2(source[^1]);
    }

    /// <summary>Bits that are left.</summary>
    public int Left { get; private set; }

    /// <summary>The next <paramref name="count"/> bits, at most 56.</summary>
    public ulong Read(int count)
    {
        Left -= count;
        return Bits(Left, count);
    }

    /// <summary>The next bits without consuming them, at most 56.</summary>
    public readonly ulong Peek(int count) => Bits(Left - count, count);

    public void Skip(int count) => Left -= count;

    private readonly ulong Bits(int position, int count)
    {
        ulong mask = (1UL << count) - 1;
        int at = position >> 3;
        if (position >= 0 && at + 8 <= _source.Length) return BinaryPrimitives.ReadUInt64LittleEndian(_source[at..]) >> (position & 7) & mask;
        ulong word = 0;
        for (int i = 0; i < 8; i++)
            if ((uint)(at + i) < (uint)_source.Length) word |= (ulong)_source[at + i] << (8 * i);
        return word >> (position & 7) & mask;
    }
}
