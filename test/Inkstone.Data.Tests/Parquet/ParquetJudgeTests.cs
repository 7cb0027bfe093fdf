using System.Globalization;
using System.Text.Json.Nodes;
using ParquetSharp;
using ParquetSharp.Schema;
using ArrowRepetition = ParquetSharp.Repetition;
using ArrowType = ParquetSharp.PhysicalType;

namespace Inkstone.Data.Tests;

/// <summary>Files that Apache Arrow writes (through ParquetSharp), row for row as they were given to it.</summary>
public sealed class ParquetJudgeTests : IDisposable
{
    private const int Rows = 700;
    private readonly TemporaryDirectory _folder = new();

    public static TheoryData<Compression, ParquetDataPageVersion> CodecsAndPages()
    {
        Compression[] codecs =
        [
            Compression.Uncompressed,
            Compression.Snappy,
            Compression.Gzip,
            Compression.Brotli,
            Compression.Zstd,
            Compression.Lz4,
            Compression.Lz4Hadoop,
        ];
        TheoryData<Compression, ParquetDataPageVersion> data = [];
        foreach (Compression codec in codecs)
        {
            foreach (ParquetDataPageVersion pages in Enum.GetValues<ParquetDataPageVersion>())
            {
                data.Add(codec, pages);
            }
        }
        return data;
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(CodecsAndPages))]
    public void Every_codec_and_page_version_gives_the_rows_that_were_written(Compression codec, ParquetDataPageVersion pages) =>
        Compare(builder => builder.Compression(codec).DataPageVersion(pages).EnablePageChecksum());

    /// <summary>A column takes an encoding where the format has it for its type; the others keep their own.</summary>
    [Theory]
    [InlineData(Encoding.Plain, "text", "long", "int", "double", "float", "flag", "tags", "name", "score")]
    [InlineData(Encoding.DeltaBinaryPacked, "long", "int", "when", "day")]
    [InlineData(Encoding.DeltaLengthByteArray, "text", "tags", "name")]
    [InlineData(Encoding.DeltaByteArray, "text", "tags", "name")]
    [InlineData(Encoding.ByteStreamSplit, "double", "float", "long", "int", "score")]
    [InlineData(Encoding.Rle, "flag")]
    public void Every_encoding_gives_the_rows_that_were_written(Encoding encoding, params string[] columns)
    {
        foreach (ParquetDataPageVersion pages in Enum.GetValues<ParquetDataPageVersion>())
        {
            string path = Compare(builder =>
            {
                builder.Compression(Compression.Zstd).DataPageVersion(pages);
                foreach (string column in columns.SelectMany(Paths))
                {
                    builder.DisableDictionary(column).Encoding(column, encoding);
                }
                return builder;
            });
            using ParquetFileReader written = new(path);
            using RowGroupReader group = written.RowGroup(0);
            foreach (string column in columns.SelectMany(Paths))
            {
                group
                    .MetaData.GetColumnChunkMetaData(
                        Enumerable
                            .Range(0, written.FileMetaData.NumColumns)
                            .First(i => written.FileMetaData.Schema.Column(i).Path.ToDotString() == column)
                    )
                    .Encodings.ShouldContain(encoding, column);
            }
        }
    }

    /// <summary>A dictionary that grows too large is given up in the middle of a column.</summary>
    [Fact]
    public void A_dictionary_that_is_given_up_gives_the_rows_that_were_written() =>
        Compare(builder => builder.Compression(Compression.Snappy).DictionaryPagesizeLimit(1000));

    private static string[] Paths(string column) =>
        column switch
        {
            "tags" => ["tags.list.item"],
            "name" => ["people.list.item.name"],
            "score" => ["people.list.item.score"],
            _ => [column],
        };

    private string Compare(Func<WriterPropertiesBuilder, WriterPropertiesBuilder> choose)
    {
        string path = _folder[$"{Guid.NewGuid()}.parquet"];
        using (WriterPropertiesBuilder builder = new())
        using (WriterProperties properties = choose(builder.DataPagesize(1500).WriteBatchSize(64)).Build())
        {
            Write(path, properties);
        }
        using ParquetFile file = new(path);
        file.RowCount.ShouldBe(2 * Rows);
        int i = 0;
        foreach (JsonObject row in file.ReadRows())
        {
            string expected = new Row(i++).ToJson().ToJsonString();
            if (row.ToJsonString() != expected)
            {
                row.ToJsonString().ShouldBe(expected, $"row {i - 1}");
            }
        }
        i.ShouldBe(2 * Rows);
        return path;
    }

    /// <summary>Two row groups of the same columns.</summary>
    private static void Write(string path, WriterProperties properties)
    {
        Node person = new GroupNode(
            "item",
            ArrowRepetition.Optional,
            [
                new PrimitiveNode("name", ArrowRepetition.Optional, LogicalType.String(), ArrowType.ByteArray),
                new PrimitiveNode("score", ArrowRepetition.Optional, LogicalType.None(), ArrowType.Double),
            ]
        );
        using GroupNode schema = new(
            "schema",
            ArrowRepetition.Required,
            [
                new Column<string?>("text").CreateSchemaNode(),
                new Column<long>("long").CreateSchemaNode(),
                new Column<int?>("int").CreateSchemaNode(),
                new Column<double?>("double").CreateSchemaNode(),
                new Column<float>("float").CreateSchemaNode(),
                new Column<bool?>("flag").CreateSchemaNode(),
                new Column<DateTime?>("when", LogicalType.Timestamp(isAdjustedToUtc: true, TimeUnit.Micros)).CreateSchemaNode(),
                new Column<Date>("day").CreateSchemaNode(),
                new Column<decimal?>("price", LogicalType.Decimal(29, 3)).CreateSchemaNode(),
                new Column<string?[]?>("tags").CreateSchemaNode(),
                new GroupNode(
                    "people",
                    ArrowRepetition.Optional,
                    [new GroupNode("list", ArrowRepetition.Repeated, [person])],
                    LogicalType.List()
                ),
            ]
        );
        using ParquetFileWriter writer = new(path, schema, properties);
        for (int group = 0; group < 2; group++)
        {
            Row[] rows = [.. Enumerable.Range(group * Rows, Rows).Select(i => new Row(i))];
            using RowGroupWriter to = writer.AppendRowGroup();
            Put(r => r.Text);
            Put(r => r.Long);
            Put(r => r.Int);
            Put(r => r.Double);
            Put(r => r.Float);
            Put(r => r.Flag);
            Put(r => r.When);
            Put(r => new Date(r.Day.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber));
            Put(r => r.Price);
            Put(r => r.Tags);
            Put(r => r.People?.Select(p => p is null ? (Nested<string?>?)null : new Nested<string?>(p.Name)).ToArray());
            Put(r => r.People?.Select(p => p is null ? (Nested<double?>?)null : new Nested<double?>(p.Score)).ToArray());

            void Put<T>(Func<Row, T> value)
            {
                using LogicalColumnWriter<T> column = to.NextColumn().LogicalWriter<T>();
                column.WriteBatch([.. rows.Select(value)]);
            }
        }
        writer.Close();
    }

    private sealed record Person(string? Name, double? Score)
    {
        public JsonObject ToJson() => new() { ["name"] = Name, ["score"] = Score };
    }

    /// <summary>A row of every kind of column, with nulls and empty lists at every depth, drawn by its number.</summary>
    private sealed class Row
    {
        private static readonly string[] Words = ["砚台", "ink", "stone", "磨墨", "", "纸 paper", "笔\n", "𠮷"];
        private readonly Random _random;

        public Row(int number)
        {
            _random = new Random(number);
            Text = Maybe(() => string.Join(' ', Enumerable.Range(0, _random.Next(12)).Select(_ => Word())));
            Long = _random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64);
            Int = Maybe<int?>(() => number * 3 - 1000);
            Double = Maybe<double?>(() => _random.NextDouble() * 1e9 - 5e8);
            Float = _random.NextSingle();
            Flag = Maybe<bool?>(() => _random.Next(2) == 0);
            When = Maybe<DateTime?>(() =>
                DateTime.UnixEpoch.AddDays(_random.Next(-20_000, 20_000)).AddTicks(10 * _random.NextInt64(86_400_000_000))
            );
            Day = new DateOnly(2000, 1, 1).AddDays(number);
            Price = Maybe<decimal?>(() => _random.Next(-1_000_000, 1_000_000) / 1000m);
            Tags = Maybe(() => Enumerable.Range(0, _random.Next(4)).Select(_ => Maybe(Word)).ToArray());
            People = Maybe(() =>
                Enumerable
                    .Range(0, _random.Next(4))
                    .Select(_ => Maybe(() => new Person(Maybe(Word), Maybe<double?>(() => _random.Next(100) / 4.0))))
                    .ToArray()
            );
        }

        public string? Text { get; }

        public long Long { get; }

        public int? Int { get; }

        public double? Double { get; }

        public float Float { get; }

        public bool? Flag { get; }

        public DateTime? When { get; }

        public DateOnly Day { get; }

        public decimal? Price { get; }

        public string?[]? Tags { get; }

        public Person?[]? People { get; }

        public JsonObject ToJson() =>
            new()
            {
                ["text"] = Text,
                ["long"] = Long,
                ["int"] = Int,
                ["double"] = Double,
                ["float"] = (double)Float,
                ["flag"] = Flag,
                ["when"] = When is { } when ? Instant(when) : null,
                ["day"] = Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                ["price"] = Price?.ToString("0.000", CultureInfo.InvariantCulture),
                ["tags"] = Tags is null ? null : new JsonArray([.. Tags.Select(t => t is null ? null : JsonValue.Create(t))]),
                ["people"] = People is null ? null : new JsonArray([.. People.Select(p => p?.ToJson())]),
            };

        private static string Instant(DateTime when)
        {
            long micros = when.Ticks / 10 % 1_000_000;
            string part =
                micros == 0 ? ""
                : micros % 1000 == 0 ? when.ToString(".fff", CultureInfo.InvariantCulture)
                : when.ToString(".ffffff", CultureInfo.InvariantCulture);
            return $"{when.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture)}{part}Z";
        }

        private string Word() => Words[_random.Next(Words.Length)];

        private T? Maybe<T>(Func<T> value) => _random.Next(5) == 0 ? default : value();
    }
}
