namespace Inkstone.Data;

/// <summary>Where the pages of one column of a row group lie, and how they are packed.</summary>
internal sealed record ColumnChunk(PhysicalType Type, int Codec, long Values, long Start, long Length, bool IsElsewhere);

/// <summary>Rows that are stored together.</summary>
internal sealed record RowGroup(long Rows, ColumnChunk[] Columns);

/// <summary>The footer of a Parquet file (FileMetaData of parquet.thrift), without its number of rows: writers have left 0 there.</summary>
internal sealed partial record ParquetMetadata(SchemaElement[] Schema, RowGroup[] RowGroups, IReadOnlyDictionary<string, string> Notes)
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
