using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>One stored value: numbers and booleans as bits, everything else as bytes that stay valid until the next one is read.</summary>
internal struct PhysicalValue
{
    /// <summary>Booleans as 0 or 1, integers extended with their sign, floating-point numbers by their IEEE bits.</summary>
    public long Bits;

    public ReadOnlyMemory<byte> Bytes;

    /// <summary>The place in the column's dictionary, or -1.</summary>
    public int DictionaryIndex;
}

/// <summary>Reads the values of one page, one after the other.</summary>
internal abstract class ValueDecoder
{
    /// <exception cref="FormatException">There are no more values, or they are damaged.</exception>
    public abstract void Read(ref PhysicalValue value);

    /// <summary>Bytes of one value; 0 for booleans and byte arrays.</summary>
    public static int SizeOf(PhysicalType type, int typeLength) =>
        type switch
        {
            PhysicalType.Int32 or PhysicalType.Float => 4,
            PhysicalType.Int64 or PhysicalType.Double => 8,
            PhysicalType.Int96 => 12,
            PhysicalType.FixedLengthByteArray => typeLength,
            _ => 0,
        };

    /// <summary>A value of fixed size from its bytes.</summary>
    public static void Set(ref PhysicalValue value, PhysicalType type, ReadOnlyMemory<byte> bytes)
    {
        switch (type)
        {
            case PhysicalType.Int32 or PhysicalType.Float:
                value.Bits = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span);
                break;
            case PhysicalType.Int64 or PhysicalType.Double:
                value.Bits = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span);
                break;
            default:
                value.Bytes = bytes;
                break;
        }
    }

    public static ValueDecoder For(
        ValueEncoding encoding,
        PhysicalType type,
        int typeLength,
        ReadOnlyMemory<byte> source,
        ColumnDictionary? dictionary
    )
    {
        bool isNumber = type is PhysicalType.Int32 or PhysicalType.Int64;
        return encoding switch
        {
            ValueEncoding.Plain => new PlainDecoder(type, typeLength, source),
            ValueEncoding.PlainDictionary or ValueEncoding.RleDictionary => new DictionaryDecoder(
                dictionary ?? throw new FormatException("a page refers to a dictionary that is not there"),
                source
            ),
            ValueEncoding.Rle when type == PhysicalType.Boolean => new BooleanDecoder(source),
            ValueEncoding.DeltaBinaryPacked when isNumber => new DeltaBinaryPackedDecoder(type, source),
            ValueEncoding.DeltaLengthByteArray when type == PhysicalType.ByteArray => new DeltaLengthByteArrayDecoder(source),
            ValueEncoding.DeltaByteArray when type is PhysicalType.ByteArray or PhysicalType.FixedLengthByteArray =>
                new DeltaByteArrayDecoder(source, SizeOf(type, typeLength)),
            ValueEncoding.ByteStreamSplit when SizeOf(type, typeLength) > 0 => new ByteStreamSplitDecoder(
                type,
                SizeOf(type, typeLength),
                source
            ),
            _ => throw new FormatException($"a page has the encoding {encoding}, which its type {type} does not know"),
        };
    }
}

/// <summary>Values one after the other; byte arrays with their length before them, booleans in bits.</summary>
internal sealed class PlainDecoder(PhysicalType type, int typeLength, ReadOnlyMemory<byte> source) : ValueDecoder
{
    private readonly int _size = SizeOf(type, typeLength);
    private int _position;

    /// <summary>Where the next value begins: a byte, or a bit for booleans.</summary>
    public int Position => _position;

    public override void Read(ref PhysicalValue value)
    {
        if (type == PhysicalType.Boolean)
        {
            value.Bits = (long)Bits.Read(source.Span, _position++, 1);
            return;
        }
        int size = _size;
        if (type == PhysicalType.ByteArray)
        {
            if (source.Length - _position < 4)
            {
                throw new FormatException("a page ends before its last value");
            }
            size = BinaryPrimitives.ReadInt32LittleEndian(source.Span[_position..]);
            _position += 4;
        }
        if ((uint)size > (uint)(source.Length - _position))
        {
            throw new FormatException($"a page ends in the middle of a value of {(uint)size} bytes");
        }
        Set(ref value, type, source.Slice(_position, size));
        _position += size;
    }
}

internal sealed class BooleanDecoder : ValueDecoder
{
    private readonly RunLengths _runs;

    public BooleanDecoder(ReadOnlyMemory<byte> source) =>
        _runs = new RunLengths(source.Length == 0 ? source : source.Slice(4, BinaryPrimitives.ReadInt32LittleEndian(source.Span)), 1);

    public override void Read(ref PhysicalValue value) => value.Bits = _runs.Next();
}

/// <summary>Byte k of all values together, then byte k + 1.</summary>
internal sealed class ByteStreamSplitDecoder : ValueDecoder
{
    private readonly PhysicalType _type;
    private readonly ReadOnlyMemory<byte> _source;
    private readonly byte[] _value;
    private readonly int _count;
    private int _index;

    public ByteStreamSplitDecoder(PhysicalType type, int size, ReadOnlyMemory<byte> source)
    {
        if (source.Length % size != 0)
        {
            throw new FormatException("a page of split bytes does not divide into values");
        }
        (_type, _source, _value, _count) = (type, source, new byte[size], source.Length / size);
    }

    public override void Read(ref PhysicalValue value)
    {
        if (_index >= _count)
        {
            throw new FormatException("a page ends before its last value");
        }
        ReadOnlySpan<byte> source = _source.Span;
        for (int k = 0; k < _value.Length; k++)
        {
            _value[k] = source[k * _count + _index];
        }
        _index++;
        Set(ref value, _type, _value);
    }
}
