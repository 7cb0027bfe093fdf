using System.Text;

namespace Inkstone.Data;

/// <summary>Thrift's compact protocol, in which Parquet writes its footer and page headers (apache/thrift,
/// thrift-compact-protocol.md).</summary>
internal ref struct ThriftReader(ReadOnlySpan<byte> source)
{
    private const int Stop = 0,
        True = 1,
        False = 2,
        Byte = 3,
        I16 = 4,
        I32 = 5,
        I64 = 6,
        Double = 7,
        Binary = 8,
        List = 9,
        Set = 10,
        Map = 11,
        Struct = 12;
    private const int DeepestNesting = 32;
    private readonly ReadOnlySpan<byte> _source = source;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>The next field of a struct: its number continues from the one before.</summary>
    public bool TryReadField(ref ThriftField field)
    {
        byte header = ReadByte();
        int type = header & 15;
        if (type == Stop)
        {
            return false;
        }
        field = new ThriftField(header >> 4 == 0 ? (int)ReadZigZag() : field.Id + (header >> 4), type);
        return true;
    }

    public static bool ReadBool(ThriftField field) =>
        field.Type switch
        {
            True => true,
            False => false,
            _ => throw WrongType(field),
        };

    public int ReadInt(ThriftField field) => checked((int)ReadLong(field));

    public long ReadLong(ThriftField field) => field.Type is I16 or I32 or I64 ? ReadZigZag() : throw WrongType(field);

    public string ReadText(ThriftField field) => field.Type == Binary ? Encoding.UTF8.GetString(ReadBytes()) : throw WrongType(field);

    /// <summary>The number of elements of a list of structs; what cannot be in the bytes that are left is refused.</summary>
    public int ReadStructs(ThriftField field)
    {
        int count = ReadList(field, out int type);
        return type == Struct || count == 0 ? count : throw WrongType(field);
    }

    /// <summary>The number of elements of a list of texts, each to be read with <see cref="ReadElementText"/>.</summary>
    public int ReadTexts(ThriftField field)
    {
        int count = ReadList(field, out int type);
        return type == Binary || count == 0 ? count : throw WrongType(field);
    }

    public string ReadElementText() => Encoding.UTF8.GetString(ReadBytes());

    /// <summary>Enters a struct, whose fields follow.</summary>
    public static ThriftField EnterStruct(ThriftField field) => field.Type == Struct ? default : throw WrongType(field);

    public void Skip(ThriftField field) => Skip(field.Type, 0, isElement: false);

    private void Skip(int type, int depth, bool isElement)
    {
        if (depth > DeepestNesting)
        {
            throw new FormatException("its metadata are nested too deeply");
        }
        switch (type)
        {
            case True or False:
                if (isElement)
                {
                    Position++;
                }
                break;
            case Byte:
                Position++;
                break;
            case I16 or I32 or I64:
                ReadZigZag();
                break;
            case Double:
                Position += 8;
                break;
            case Binary:
                ReadBytes();
                break;
            case List or Set:
                int count = ReadList(new ThriftField(0, type), out int element);
                for (int i = 0; i < count; i++)
                {
                    Skip(element, depth + 1, isElement: true);
                }
                break;
            case Map:
                int pairs = ReadCount();
                byte types = pairs > 0 ? ReadByte() : (byte)0;
                for (int i = 0; i < pairs; i++)
                {
                    Skip(types >> 4, depth + 1, isElement: true);
                    Skip(types & 15, depth + 1, isElement: true);
                }
                break;
            case Struct:
                ThriftField field = default;
                while (TryReadField(ref field))
                {
                    Skip(field.Type, depth + 1, isElement: false);
                }
                break;
            default:
                throw new FormatException("its metadata are damaged");
        }
    }

    private int ReadList(ThriftField field, out int type)
    {
        if (field.Type is not (List or Set))
        {
            throw WrongType(field);
        }
        byte header = ReadByte();
        type = header & 15;
        return header >> 4 == 15 ? ReadCount() : header >> 4;
    }

    /// <summary>Each element takes at least one byte.</summary>
    private int ReadCount()
    {
        ulong count = ReadVarint();
        return count <= (ulong)Math.Max(0, _source.Length - Position) ? (int)count : throw new FormatException("its metadata are cut off");
    }

    private ReadOnlySpan<byte> ReadBytes()
    {
        int length = ReadCount();
        Position += length;
        return _source.Slice(Position - length, length);
    }

    private long ReadZigZag()
    {
        ulong value = ReadVarint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = ReadByte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
        throw new FormatException("its metadata hold a number that is too long");
    }

    private byte ReadByte() => (uint)Position < (uint)_source.Length ? _source[Position++] : throw new EndOfStreamException();

    private static FormatException WrongType(ThriftField field) => new($"field {field.Id} of its metadata has a wrong type");
}

/// <summary>Number and compact type of a Thrift field.</summary>
internal readonly record struct ThriftField(int Id, int Type);
