using System.Text;

namespace Inkstone.Data.Tests;

/// <summary>Writes small Parquet files by the letter of the format: one row group, one page per column, every field written out.</summary>
internal sealed class ParquetSample
{
    public const int BOOLEAN = 0,
        INT32 = 1,
        INT64 = 2,
        INT96 = 3,
        FLOAT = 4,
        DOUBLE = 5,
        BYTE_ARRAY = 6,
        FIXED = 7;
    public const int Required = 0,
        Optional = 1,
        Repeated = 2;
    private readonly List<(
        string Name,
        int? Type,
        int Repetition,
        int Children,
        int? Converted,
        int Length,
        int Scale,
        int Precision
    )> _schema = [];
    private readonly List<(
        string Path,
        int Type,
        int Encoding,
        int Values,
        byte[] Page,
        byte[]? Dictionary,
        int DictionaryValues
    )> _columns = [];

    public int Codec { get; init; }

    public Func<byte[], byte[]> Compress { get; init; } = bytes => bytes;

    public int? Crc { get; init; }

    /// <summary>What the footer says of the file's rows, where that is not the truth.</summary>
    public int? SaidRows { get; init; }

    /// <summary>What it says of the row group's.</summary>
    public int? SaidGroupRows { get; init; }

    public ParquetSample Group(string name, int children, int repetition = Required, int? converted = null)
    {
        _schema.Add((name, null, repetition, children, converted, 0, 0, 0));
        return this;
    }

    /// <summary>A column whose levels are given as (repetition, definition) pairs; without them it is required.</summary>
    public ParquetSample Column(
        string name,
        int type,
        int count,
        byte[] values,
        int repetition = Required,
        int? converted = null,
        int length = 0,
        int scale = 0,
        int precision = 0,
        int encoding = 0,
        (int Repetition, int Definition)[]? levels = null,
        int maxRepetition = 0,
        int maxDefinition = 0,
        byte[]? dictionary = null,
        int dictionaryValues = 0
    )
    {
        _schema.Add((name, type, repetition, 0, converted, length, scale, precision));
        byte[] page =
        [
            .. Levels(levels?.Select(l => l.Repetition), maxRepetition),
            .. Levels(levels?.Select(l => l.Definition), maxDefinition),
            .. values,
        ];
        _columns.Add((name, type, encoding, levels?.Length ?? count, page, dictionary, dictionaryValues));
        return this;
    }

    public byte[] Bytes(int rows, int rootChildren)
    {
        List<byte> file = [.. "PAR1"u8];
        List<(long Dictionary, long Start, long Length)> places = [];
        foreach (
            (string Path, int Type, int Encoding, int Values, byte[] Page, byte[]? Dictionary, int DictionaryValues) column in _columns
        )
        {
            long start = file.Count,
                dictionaryStart = 0;
            if (column.Dictionary is not null)
            {
                dictionaryStart = start;
                byte[] packed = Compress(column.Dictionary);
                file.AddRange(
                    new Thrift()
                        .I32(1, 2)
                        .I32(2, column.Dictionary.Length)
                        .I32(3, packed.Length)
                        .Struct(7, t => t.I32(1, column.DictionaryValues).I32(2, 0))
                        .Stop()
                );
                file.AddRange(packed);
            }
            long data = file.Count;
            byte[] page = Compress(column.Page);
            Thrift header = new Thrift().I32(1, 0).I32(2, column.Page.Length).I32(3, page.Length);
            if (Crc is { } crc)
            {
                header.I32(4, crc);
            }
            file.AddRange(header.Struct(5, t => t.I32(1, column.Values).I32(2, column.Encoding).I32(3, 3).I32(4, 3)).Stop());
            file.AddRange(page);
            places.Add((dictionaryStart, data, file.Count - start));
        }
        Thrift footer = new Thrift().I32(1, 2).List(2, 12, _schema.Count + 1);
        footer.Element(t => t.Text(4, "schema").I32(5, rootChildren));
        foreach ((string Name, int? Type, int Repetition, int Children, int? Converted, int Length, int Scale, int Precision) e in _schema)
        {
            footer.Element(t =>
            {
                if (e.Type is { } type)
                {
                    t.I32(1, type);
                }
                if (e.Length > 0)
                {
                    t.I32(2, e.Length);
                }
                t.I32(3, e.Repetition).Text(4, e.Name);
                if (e.Children > 0)
                {
                    t.I32(5, e.Children);
                }
                if (e.Converted is { } converted)
                {
                    t.I32(6, converted);
                }
                if (e.Precision > 0)
                {
                    t.I32(7, e.Scale).I32(8, e.Precision);
                }
            });
        }
        footer
            .I64(3, SaidRows ?? rows)
            .List(4, 12, 1)
            .Element(group =>
            {
                group.List(1, 12, _columns.Count);
                for (int i = 0; i < _columns.Count; i++)
                {
                    (
                        (string Path, int Type, int Encoding, int Values, byte[] Page, byte[]? Dictionary, int DictionaryValues) column,
                        (long Dictionary, long Start, long Length) place
                    ) = (_columns[i], places[i]);
                    group.Element(t =>
                        t.I64(2, 4)
                            .Struct(
                                3,
                                m =>
                                {
                                    m.I32(1, column.Type)
                                        .List(2, 5, 1)
                                        .Number(0)
                                        .List(3, 8, 1)
                                        .Raw(column.Path)
                                        .I32(4, Codec)
                                        .I64(5, column.Values)
                                        .I64(6, place.Length)
                                        .I64(7, place.Length)
                                        .I64(9, place.Start);
                                    if (place.Dictionary > 0)
                                    {
                                        m.I64(11, place.Dictionary);
                                    }
                                }
                            )
                    );
                }
                group.I64(2, 1000).I64(3, SaidGroupRows ?? rows);
            });
        byte[] bytes = footer.Stop();
        return [.. file, .. bytes, .. BitConverter.GetBytes(bytes.Length), .. "PAR1"u8];
    }

    public static byte[] Texts(params string[] texts) =>
        [.. texts.SelectMany(t => (byte[])[.. BitConverter.GetBytes(Encoding.UTF8.GetByteCount(t)), .. Encoding.UTF8.GetBytes(t)])];

    public static byte[] Longs(params long[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    public static byte[] Ints(params int[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    /// <summary>Each level as a run of one.</summary>
    private static byte[] Levels(IEnumerable<int>? levels, int max)
    {
        if (levels is null || max == 0)
        {
            return [];
        }
        byte[] runs = [.. levels.SelectMany(l => new byte[] { 2, (byte)l })];
        return [.. BitConverter.GetBytes(runs.Length), .. runs];
    }

    /// <summary>Thrift's compact protocol with the long form of field headers.</summary>
    private sealed class Thrift
    {
        private readonly List<byte> _bytes = [];

        public Thrift I32(int id, int value) => Field(id, 5).Number(value);

        public Thrift I64(int id, long value) => Field(id, 6).Number(value);

        public Thrift Text(int id, string value) => Field(id, 8).Raw(value);

        public Thrift Struct(int id, Action<Thrift> fields) => Field(id, 12).Element(fields);

        public Thrift List(int id, int type, int count)
        {
            Field(id, 9);
            _bytes.Add((byte)(0xF0 | type));
            return Varint((ulong)count);
        }

        public Thrift Element(Action<Thrift> fields)
        {
            fields(this);
            _bytes.Add(0);
            return this;
        }

        public Thrift Number(long value) => Varint((ulong)((value << 1) ^ (value >> 63)));

        public Thrift Raw(string value)
        {
            Varint((ulong)Encoding.UTF8.GetByteCount(value));
            _bytes.AddRange(Encoding.UTF8.GetBytes(value));
            return this;
        }

        public byte[] Stop() => [.. _bytes, 0];

        private Thrift Field(int id, int type)
        {
            _bytes.Add((byte)type);
            return Number(id);
        }

        private Thrift Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
            {
                _bytes.Add((byte)(value | 0x80));
            }
            _bytes.Add((byte)value);
            return this;
        }
    }
}
