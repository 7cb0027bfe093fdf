using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ZstdSharp;

namespace Inkstone.Data;

/// <summary>
/// Writes JSON objects as a Parquet file: plain values, zstd, one page of each column a row group, nullable columns, lists and groups as
/// the format's
/// documents want them. Values of mixed kinds are kept as the texts of their JSON.
/// </summary>
internal sealed class ParquetWriter : IDisposable
{
    /// <summary>JSON with its characters as they are.</summary>
    public static JsonSerializerOptions Readable { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int RowsOfGroup = 50_000,
        ZstdCodec = 6,
        PlainEncoding = 0,
        RleEncoding = 3,
        ListConverted = 3;

    /// <summary>ConvertedTypes of parquet.thrift.</summary>
    internal const int Utf8 = 0,
        Uint64 = 14;

    private const long BytesOfGroup = 64L << 20;

    private readonly Stream _stream;
    private readonly JsonShape _shape;
    private readonly List<ColumnBuffer> _columns = [];
    private readonly List<(string Name, PhysicalType? Type, int Repetition, int Children, int Converted)> _schema = [];
    private readonly List<(long Rows, long Bytes, (long Start, int Unpacked, int Packed, int Values)[] Columns)> _groups = [];
    private readonly Compressor _zstd = new(3);
    private long _rows;

    /// <summary>Begins a file.</summary>
    /// <param name="stream">where it goes</param>
    /// <param name="shape">the shape of all rows</param>
    /// <exception cref="InvalidDataException">The rows have no columns.</exception>
    public ParquetWriter(Stream stream, JsonShape shape)
    {
        (_stream, _shape) = (stream, shape);
        if (shape.Kind != ShapeKind.Group || !shape.Fields.Any())
        {
            throw new InvalidDataException("there are no rows with columns to write");
        }
        _schema.Add(("schema", null, -1, shape.Fields.Count(), -1));
        foreach ((string name, JsonShape field) in shape.Fields)
        {
            Declare(name, field, [name], 0, 0);
        }
        _stream.Write("PAR1"u8);
    }

    /// <summary>Adds a row, which must have the shape.</summary>
    public void Write(JsonObject row)
    {
        int column = 0;
        foreach ((string name, JsonShape field) in _shape.Fields)
        {
            Shred(row[name], field, ref column, 0, 0, 0);
        }
        _rows++;
        if (_rows == RowsOfGroup || (_rows % 256 == 0 && _columns.Sum(c => c.Bytes) > BytesOfGroup))
        {
            Flush();
        }
    }

    /// <summary>Ends the file.</summary>
    public void Complete()
    {
        Flush();
        byte[] footer = new ThriftWriter()
            .Field(1, 1)
            .Field(
                2,
                _schema,
                (w, e) =>
                {
                    if (e.Type is { } type)
                    {
                        w.Field(1, (int)type);
                    }
                    if (e.Repetition >= 0)
                    {
                        w.Field(3, e.Repetition);
                    }
                    w.Field(4, e.Name);
                    if (e.Type is null)
                    {
                        w.Field(5, e.Children);
                    }
                    if (e.Converted >= 0)
                    {
                        w.Field(6, e.Converted);
                    }
                    if (e.Converted is Utf8 or ListConverted)
                    {
                        w.Field(10, l => l.Field(e.Converted == Utf8 ? 1 : 3, _ => { }));
                    }
                }
            )
            .Field(3, _groups.Sum(g => g.Rows))
            .Field(
                4,
                _groups,
                (w, g) =>
                    w.Field(
                            1,
                            [.. g.Columns.Select((c, i) => (c, _columns[i]))],
                            (v, p) =>
                                v.Field(2, p.c.Start)
                                    .Field(
                                        3,
                                        m =>
                                            m.Field(1, (int)p.Item2.Type)
                                                .Field(2, [PlainEncoding, RleEncoding])
                                                .Field(3, p.Item2.Path)
                                                .Field(4, ZstdCodec)
                                                .Field(5, (long)p.c.Values)
                                                .Field(6, (long)p.c.Unpacked)
                                                .Field(7, (long)p.c.Packed)
                                                .Field(9, p.c.Start)
                                    )
                        )
                        .Field(2, g.Bytes)
                        .Field(3, g.Rows)
            )
            .Field(6, "inkstone")
            .End()
            .ToArray();
        _stream.Write(footer);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.Length);
        _stream.Write(length);
        _stream.Write("PAR1"u8);
    }

    /// <inheritdoc/>
    public void Dispose() => _zstd.Dispose();

    /// <summary>Every column may be null; a list is three levels: the list, its repeated part, the element.</summary>
    private void Declare(string name, JsonShape shape, string[] path, int repetition, int definition)
    {
        const int Optional = 1,
            Repeated = 2;
        definition++;
        switch (shape.Kind)
        {
            case ShapeKind.List:
                _schema.Add((name, null, Optional, 1, ListConverted));
                _schema.Add(("list", null, Repeated, 1, -1));
                Declare("element", shape.Element!, [.. path, "list", "element"], repetition + 1, definition + 1);
                return;
            case ShapeKind.Group:
                _schema.Add((name, null, Optional, shape.Fields.Count(), -1));
                foreach ((string field, JsonShape inner) in shape.Fields)
                {
                    Declare(field, inner, [.. path, field], repetition, definition);
                }
                return;
            default:
                ColumnBuffer column = new(path, shape, repetition, definition);
                _columns.Add(column);
                _schema.Add((name, column.Type, Optional, 0, column.Converted));
                return;
        }
    }

    /// <param name="value">what to take apart</param>
    /// <param name="shape">its shape</param>
    /// <param name="column">number of the first column below it; that of the next one afterwards</param>
    /// <param name="repetition">level at which the value repeats</param>
    /// <param name="depth">repeated nodes above it</param>
    /// <param name="definition">level down to which everything is there</param>
    private void Shred(JsonNode? value, JsonShape shape, ref int column, int repetition, int depth, int definition)
    {
        switch (shape.Kind)
        {
            case ShapeKind.List when value is JsonArray { Count: > 0 } list:
                int first = column;
                for (int i = 0; i < list.Count; i++)
                {
                    column = first;
                    Shred(list[i], shape.Element!, ref column, i == 0 ? repetition : depth + 1, depth + 1, definition + 2);
                }
                return;
            case ShapeKind.List:
                Absent(shape.Element!, ref column, repetition, value is null ? definition : definition + 1);
                return;
            case ShapeKind.Group when value is JsonObject group:
                foreach ((string name, JsonShape field) in shape.Fields)
                {
                    Shred(group[name], field, ref column, repetition, depth, definition + 1);
                }
                return;
            case ShapeKind.Group:
                Absent(shape, ref column, repetition, definition);
                return;
            default:
                if (value is null)
                {
                    _columns[column].AddNull(repetition, definition);
                }
                else
                {
                    _columns[column].Add(value, repetition);
                }
                column++;
                return;
        }
    }

    private void Absent(JsonShape shape, ref int column, int repetition, int definition)
    {
        switch (shape.Kind)
        {
            case ShapeKind.List:
                Absent(shape.Element!, ref column, repetition, definition);
                return;
            case ShapeKind.Group:
                foreach ((_, JsonShape field) in shape.Fields)
                {
                    Absent(field, ref column, repetition, definition);
                }
                return;
            default:
                _columns[column++].AddNull(repetition, definition);
                return;
        }
    }

    private void Flush()
    {
        if (_rows == 0)
        {
            return;
        }
        (long, int, int, int)[] chunks = new (long, int, int, int)[_columns.Count];
        long bytes = 0;
        for (int i = 0; i < chunks.Length; i++)
        {
            byte[] page = _columns[i].TakePage(out int count);
            byte[] packed = _zstd.Wrap(page).ToArray();
            byte[] header = new ThriftWriter()
                .Field(1, 0)
                .Field(2, page.Length)
                .Field(3, packed.Length)
                .Field(4, unchecked((int)Crc32.HashToUInt32(packed)))
                .Field(5, h => h.Field(1, count).Field(2, PlainEncoding).Field(3, RleEncoding).Field(4, RleEncoding))
                .End()
                .ToArray();
            chunks[i] = (_stream.Position, header.Length + page.Length, header.Length + packed.Length, count);
            _stream.Write(header);
            _stream.Write(packed);
            bytes += header.Length + page.Length;
        }
        _groups.Add((_rows, bytes, chunks));
        _rows = 0;
    }
}
