namespace Inkstone.Data;

internal enum PageType
{
    Data,
    Index,
    Dictionary,
    DataV2,
}

/// <summary>Encodings of values, by their numbers in parquet.thrift.</summary>
internal enum ValueEncoding
{
    Plain = 0,
    PlainDictionary = 2,
    Rle = 3,
    BitPacked = 4,
    DeltaBinaryPacked = 5,
    DeltaLengthByteArray = 6,
    DeltaByteArray = 7,
    RleDictionary = 8,
    ByteStreamSplit = 9,
}

/// <summary>What stands before the bytes of a page (PageHeader of parquet.thrift).</summary>
internal readonly record struct PageHeader(
    PageType Type,
    int Length,
    int PackedLength,
    int? Crc,
    int Values,
    ValueEncoding Encoding,
    ValueEncoding DefinitionEncoding,
    ValueEncoding RepetitionEncoding,
    int DefinitionLength,
    int RepetitionLength,
    bool IsPacked
)
{
    /// <exception cref="FormatException">The bytes are no page header.</exception>
    /// <exception cref="EndOfStreamException">There are too few bytes.</exception>
    public static PageHeader Read(ReadOnlySpan<byte> source, out int headerLength)
    {
        ThriftReader thrift = new(source);
        int type = -1;
        PageHeader header = new PageHeader
        {
            Length = -1,
            PackedLength = -1,
            IsPacked = true,
        };
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    type = thrift.ReadInt(field);
                    break;
                case 2:
                    header = header with { Length = thrift.ReadInt(field) };
                    break;
                case 3:
                    header = header with { PackedLength = thrift.ReadInt(field) };
                    break;
                case 4:
                    header = header with { Crc = thrift.ReadInt(field) };
                    break;
                case 5:
                    header = ReadData(ref thrift, ThriftReader.EnterStruct(field), header);
                    break;
                case 7:
                    header = ReadDictionary(ref thrift, ThriftReader.EnterStruct(field), header);
                    break;
                case 8:
                    header = ReadDataV2(ref thrift, ThriftReader.EnterStruct(field), header);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        if (
            header.Length < 0
            || header.PackedLength < 0
            || header.Values < 0
            || header.DefinitionLength < 0
            || header.RepetitionLength < 0
            || type < 0
        )
        {
            throw new FormatException("a page header lacks a size or has a negative one");
        }
        headerLength = thrift.Position;
        return header with { Type = (PageType)type };
    }

    private static PageHeader ReadData(ref ThriftReader thrift, ThriftField field, PageHeader header)
    {
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    header = header with { Values = thrift.ReadInt(field) };
                    break;
                case 2:
                    header = header with { Encoding = (ValueEncoding)thrift.ReadInt(field) };
                    break;
                case 3:
                    header = header with { DefinitionEncoding = (ValueEncoding)thrift.ReadInt(field) };
                    break;
                case 4:
                    header = header with { RepetitionEncoding = (ValueEncoding)thrift.ReadInt(field) };
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return header;
    }

    private static PageHeader ReadDictionary(ref ThriftReader thrift, ThriftField field, PageHeader header)
    {
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    header = header with { Values = thrift.ReadInt(field) };
                    break;
                case 2:
                    header = header with { Encoding = (ValueEncoding)thrift.ReadInt(field) };
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return header;
    }

    private static PageHeader ReadDataV2(ref ThriftReader thrift, ThriftField field, PageHeader header)
    {
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    header = header with { Values = thrift.ReadInt(field) };
                    break;
                case 4:
                    header = header with { Encoding = (ValueEncoding)thrift.ReadInt(field) };
                    break;
                case 5:
                    header = header with { DefinitionLength = thrift.ReadInt(field) };
                    break;
                case 6:
                    header = header with { RepetitionLength = thrift.ReadInt(field) };
                    break;
                case 7:
                    header = header with { IsPacked = ThriftReader.ReadBool(field) };
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return header;
    }
}
