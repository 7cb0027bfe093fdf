using System.Buffers.Binary;
using System.Text;

namespace Inkstone.Training;

/// <summary>Writes the fields of a protobuf message by number, into memory that is kept from message to message (protobuf.dev,
/// "Encoding").</summary>
internal sealed class ProtobufWriter
{
    private const int Varint = 0,
        Fixed64 = 1,
        LengthDelimited = 2,
        Fixed32 = 5;

    private byte[] _bytes = new byte[512];

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    public Span<byte> Span => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Room for bytes that are no field, such as a frame around the message.</summary>
    public Span<byte> Reserve(int count)
    {
        if (Length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + count));
        }
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }

    public void Integer(int field, long value)
    {
        Number((ulong)field << 3 | Varint);
        Number((ulong)value);
    }

    public void Double(int field, double value)
    {
        Number((ulong)field << 3 | Fixed64);
        BinaryPrimitives.WriteDoubleLittleEndian(Reserve(sizeof(double)), value);
    }

    public void Single(int field, float value)
    {
        Number((ulong)field << 3 | Fixed32);
        BinaryPrimitives.WriteSingleLittleEndian(Reserve(sizeof(float)), value);
    }

    public void Text(int field, string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Number((ulong)field << 3 | LengthDelimited);
        Number((ulong)length);
        Encoding.UTF8.GetBytes(value, Reserve(length));
    }

    /// <summary>Starts a message within the message; what <see cref="End"/> takes.</summary>
    public int Begin(int field)
    {
        Number((ulong)field << 3 | LengthDelimited);
        return Length;
    }

    /// <summary>Ends the message that was started last, whose length is put before it.</summary>
    public void End(int start)
    {
        int length = Length - start;
        Number((ulong)length);
        int prefix = Length - start - length;
        Span<byte> moved = _bytes.AsSpan(start, prefix + length);
        Span<byte> number = stackalloc byte[prefix];
        moved[length..].CopyTo(number);
        moved[..length].CopyTo(moved[prefix..]);
        number.CopyTo(moved);
    }

    /// <summary>Seven bits in a byte, the lowest first; the high bit says that more follow.</summary>
    private void Number(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Reserve(1)[0] = (byte)(value | 0x80);
        }
        Reserve(1)[0] = (byte)value;
    }
}
