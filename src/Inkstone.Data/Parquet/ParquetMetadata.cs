namespace Inkstone.Data;

/// <summary>Physical types, by their numbers in parquet.thrift.</summary>
internal enum PhysicalType
{
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    ByteArray,
    FixedLengthByteArray,
}

internal enum Repetition
{
    Required,
    Optional,
    Repeated,
}

/// <summary>What a column or group means, whether its writer said so in the logical types or in the older converted types.</summary>
internal enum Annotation
{
    None,
    Text,
    List,
    Map,
    Decimal,
    Date,
    TimeMillis,
    TimeMicros,
    TimeNanos,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    Unsigned,
    Float16,
    Uuid,
    Binary,
}

/// <summary>One element of the flattened schema.</summary>
internal sealed record SchemaElement(
    string Name,
    PhysicalType? Type,
    int TypeLength,
    Repetition Repetition,
    int Children,
    Annotation Annotation,
    bool IsUtc,
    int Scale,
    int Precision
);

/// <summary>Where the pages of one column of a row group lie, and how they are packed.</summary>
internal sealed record ColumnChunk(PhysicalType Type, int Codec, long Values, long Start, long Length, bool IsElsewhere);

/// <summary>Rows that are stored together.</summary>
internal sealed record RowGroup(long Rows, ColumnChunk[] Columns);

/// <summary>The footer of a Parquet file (FileMetaData of parquet.thrift), without its number of rows: writers have left 0 there.</summary>
internal sealed record ParquetMetadata(SchemaElement[] Schema, RowGroup[] RowGroups, IReadOnlyDictionary<string, string> Notes)
{
    /// <exception cref="FormatException">The bytes are no footer.</exception>
    public static ParquetMetadata Read(ReadOnlySpan<byte> footer)
    {
        ThriftReader thrift = new(footer);
        SchemaElement[] schema = [];
        RowGroup[] groups = [];
        Dictionary<string, string> notes = [];
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 2:
                    schema = new SchemaElement[thrift.ReadStructs(field)];
                    for (int i = 0; i < schema.Length; i++)
                    {
                        schema[i] = ReadElement(ref thrift);
                    }
                    break;
                case 4:
                    groups = new RowGroup[thrift.ReadStructs(field)];
                    for (int i = 0; i < groups.Length; i++)
                    {
                        groups[i] = ReadRowGroup(ref thrift);
                    }
                    break;
                case 5:
                    int count = thrift.ReadStructs(field);
                    for (int i = 0; i < count; i++)
                    {
                        (string key, string value) = ReadNote(ref thrift);
                        notes[key] = value;
                    }
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        // Who calls some columns text calls all of them so: what is not called anything is bytes then. Hive, Impala and older Spark call
        // none.
        if (Array.Exists(schema, e => e.Annotation == Annotation.Text))
        {
            schema = Array.ConvertAll(
                schema,
                e => e.Type == PhysicalType.ByteArray && e.Annotation == Annotation.None ? e with { Annotation = Annotation.Binary } : e
            );
        }
        return new ParquetMetadata(schema, groups, notes);
    }

    private static (string Key, string Value) ReadNote(ref ThriftReader thrift)
    {
        string key = "",
            value = "";
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    key = thrift.ReadText(field);
                    break;
                case 2:
                    value = thrift.ReadText(field);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return (key, value);
    }

    private static SchemaElement ReadElement(ref ThriftReader thrift)
    {
        string name = "";
        PhysicalType? type = null;
        Repetition repetition = Repetition.Required;
        int length = 0,
            children = 0,
            scale = 0,
            precision = 0;
        Annotation converted = Annotation.None,
            logical = Annotation.None;
        bool isUtc = false;
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    type = ReadType(ref thrift, field);
                    break;
                case 2:
                    length = thrift.ReadInt(field);
                    break;
                case 3:
                    repetition = (Repetition)thrift.ReadInt(field);
                    break;
                case 4:
                    name = thrift.ReadText(field);
                    break;
                case 5:
                    children = thrift.ReadInt(field);
                    break;
                case 6:
                    converted = Converted(thrift.ReadInt(field));
                    break;
                case 7:
                    scale = thrift.ReadInt(field);
                    break;
                case 8:
                    precision = thrift.ReadInt(field);
                    break;
                case 10:
                    logical = ReadLogical(ref thrift, field, ref isUtc, ref scale, ref precision);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        if (!Enum.IsDefined(repetition))
        {
            throw new FormatException($"column '{name}' has no known repetition");
        }
        if (converted is Annotation.TimestampMillis or Annotation.TimestampMicros && logical == Annotation.None)
        {
            isUtc = true;
        }
        return new SchemaElement(
            name,
            type,
            length,
            repetition,
            children,
            logical != Annotation.None ? logical : converted,
            isUtc,
            scale,
            precision
        );
    }

    private static Annotation Converted(int type) =>
        type switch
        {
            0 or 4 or 19 => Annotation.Text,
            1 or 2 => Annotation.Map,
            3 => Annotation.List,
            5 => Annotation.Decimal,
            6 => Annotation.Date,
            7 => Annotation.TimeMillis,
            8 => Annotation.TimeMicros,
            9 => Annotation.TimestampMillis,
            10 => Annotation.TimestampMicros,
            >= 11 and <= 14 => Annotation.Unsigned,
            20 or 21 => Annotation.Binary,
            _ => Annotation.None,
        };

    /// <summary>LogicalType is a union: a struct with one field.</summary>
    private static Annotation ReadLogical(ref ThriftReader thrift, ThriftField union, ref bool isUtc, ref int scale, ref int precision)
    {
        Annotation annotation = Annotation.None;
        ThriftField kind = ThriftReader.EnterStruct(union);
        while (thrift.TryReadField(ref kind))
        {
            int unit = 0;
            bool isSigned = true;
            ThriftField field = ThriftReader.EnterStruct(kind);
            while (thrift.TryReadField(ref field))
            {
                switch (kind.Id, field.Id)
                {
                    case (5, 1):
                        scale = thrift.ReadInt(field);
                        break;
                    case (5, 2):
                        precision = thrift.ReadInt(field);
                        break;
                    case (7 or 8, 1):
                        isUtc = ThriftReader.ReadBool(field);
                        break;
                    case (7 or 8, 2):
                        unit = ReadUnit(ref thrift, field);
                        break;
                    case (10, 2):
                        isSigned = ThriftReader.ReadBool(field);
                        break;
                    default:
                        thrift.Skip(field);
                        break;
                }
            }
            annotation = kind.Id switch
            {
                1 or 4 or 12 => Annotation.Text,
                2 => Annotation.Map,
                3 => Annotation.List,
                5 => Annotation.Decimal,
                6 => Annotation.Date,
                7 => unit switch
                {
                    1 => Annotation.TimeMillis,
                    2 => Annotation.TimeMicros,
                    _ => Annotation.TimeNanos,
                },
                8 => unit switch
                {
                    1 => Annotation.TimestampMillis,
                    2 => Annotation.TimestampMicros,
                    _ => Annotation.TimestampNanos,
                },
                10 => isSigned ? Annotation.None : Annotation.Unsigned,
                13 => Annotation.Binary,
                14 => Annotation.Uuid,
                15 => Annotation.Float16,
                16 or 17 or 18 => Annotation.Binary,
                _ => Annotation.None,
            };
        }
        return annotation;
    }

    private static int ReadUnit(ref ThriftReader thrift, ThriftField union)
    {
        int unit = 0;
        ThriftField field = ThriftReader.EnterStruct(union);
        while (thrift.TryReadField(ref field))
        {
            unit = field.Id;
            thrift.Skip(field);
        }
        return unit;
    }

    private static RowGroup ReadRowGroup(ref ThriftReader thrift)
    {
        ColumnChunk[] columns = [];
        long rows = -1;
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    columns = new ColumnChunk[thrift.ReadStructs(field)];
                    for (int i = 0; i < columns.Length; i++)
                    {
                        columns[i] = ReadChunk(ref thrift);
                    }
                    break;
                case 3:
                    rows = thrift.ReadLong(field);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return new RowGroup(rows, columns);
    }

    private static ColumnChunk ReadChunk(ref ThriftReader thrift)
    {
        ColumnChunk? chunk = null;
        bool isElsewhere = false;
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    isElsewhere = thrift.ReadText(field).Length > 0;
                    break;
                case 3:
                    chunk = ReadChunkMetadata(ref thrift, ThriftReader.EnterStruct(field));
                    break;
                case 8:
                    throw new FormatException("it has encrypted columns");
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        return chunk is null
            ? throw new FormatException("a column of its row groups has no metadata")
            : chunk with
            {
                IsElsewhere = isElsewhere,
            };
    }

    private static ColumnChunk ReadChunkMetadata(ref ThriftReader thrift, ThriftField field)
    {
        PhysicalType? type = null;
        int codec = -1;
        long values = -1,
            length = -1,
            dataStart = -1,
            dictionaryStart = 0;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    type = ReadType(ref thrift, field);
                    break;
                case 4:
                    codec = thrift.ReadInt(field);
                    break;
                case 5:
                    values = thrift.ReadLong(field);
                    break;
                case 7:
                    length = thrift.ReadLong(field);
                    break;
                case 9:
                    dataStart = thrift.ReadLong(field);
                    break;
                case 11:
                    dictionaryStart = thrift.ReadLong(field);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        if (type is null || values < 0 || length < 0 || dataStart < 0)
        {
            throw new FormatException("a column of its row groups lacks type, size or place");
        }
        return new ColumnChunk(
            type.Value,
            codec,
            values,
            dictionaryStart > 0 && dictionaryStart < dataStart ? dictionaryStart : dataStart,
            length,
            false
        );
    }

    private static PhysicalType ReadType(ref ThriftReader thrift, ThriftField field)
    {
        PhysicalType type = (PhysicalType)thrift.ReadInt(field);
        return Enum.IsDefined(type) ? type : throw new FormatException($"a column has the unknown physical type {(int)type}");
    }
}
