using System.IO.Compression;
using System.Text.Json.Nodes;
using static Inkstone.Data.Tests.ParquetSample;

namespace Inkstone.Data.Tests;

public sealed class ParquetFileTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [GoldenTheory("goldens/parquet")]
    [InlineData("brotli")]
    [InlineData("delta")]
    [InlineData("gzip")]
    [InlineData("lz4")]
    [InlineData("none")]
    [InlineData("plain_v1")]
    [InlineData("snappy")]
    [InlineData("v2_pages")]
    [InlineData("zstd")]
    public void Every_codec_encoding_and_page_version_gives_the_same_rows(string name)
    {
        string path = Goldens.Of($"parquet/{name}.parquet"),
            rows = Goldens.Of("parquet/rows.jsonl");
        using ParquetFile file = new(path);
        file.RowCount.ShouldBe(1500);
        int number = 0;
        using IEnumerator<JsonObject> read = file.ReadRows().GetEnumerator();
        foreach (string line in File.ReadLines(rows))
        {
            read.MoveNext().ShouldBeTrue();
            JsonNode
                .DeepEquals(read.Current, JsonNode.Parse(line))
                .ShouldBeTrue($"row {number} is {read.Current.ToJsonString()} and should be {line}");
            number++;
        }
        read.MoveNext().ShouldBeFalse();
        number.ShouldBe(1500);
    }

    /// <summary>The document of Melnik et al. 2010, figures 2 and 3: levels and rows are the paper's.</summary>
    [Fact]
    public void The_rows_of_the_Dremel_paper_come_out_of_its_columns()
    {
        Rows(Dremel(), 2, 3)
            .ShouldBe([
                """{"DocId":10,"Links":{"Backward":[],"Forward":[20,40,60]},"Name":[{"Language":[{"Code":"en-us","Country":"us"},{"Code":"en","Country":null}],"Url":"http://A"},{"Language":[],"Url":"http://B"},{"Language":[{"Code":"en-gb","Country":"gb"}],"Url":null}]}""",
                """{"DocId":20,"Links":{"Backward":[10,30],"Forward":[80]},"Name":[{"Language":[],"Url":"http://C"}]}""",
            ]);
    }

    [Fact]
    public void Only_the_fields_that_are_asked_for_are_read()
    {
        byte[] bytes = Dremel().Bytes(2, 3);
        bytes.AsSpan(4, 20).Fill(0xFF); // The page of DocId, which is first in the file, is damaged.
        using ParquetFile file = new(_folder.Write("projected.parquet", bytes));
        file.Fields.ShouldBe(["DocId", "Links", "Name"]);
        file.ReadRows(["Links"])
            .Select(r => r.ToJsonString())
            .ShouldBe(["""{"Links":{"Backward":[],"Forward":[20,40,60]}}""", """{"Links":{"Backward":[10,30],"Forward":[80]}}"""]);
        Should.Throw<InvalidDataException>(() => file.ReadRows().Count()).Message.ShouldContain("row group 0, column 'DocId'");
        Should.Throw<ArgumentException>(() => file.ReadRows(["DocID"])).Message.ShouldContain("DocId, Links, Name");
    }

    [Fact]
    public void Physical_and_converted_types_become_JSON()
    {
        ParquetSample sample = new ParquetSample()
            .Column("bool", BOOLEAN, 2, [0b10])
            .Column("run", BOOLEAN, 2, [2, 0, 0, 0, 4, 1], encoding: 3)
            .Column("int", INT32, 2, Ints(-7, int.MaxValue))
            .Column("unsigned", INT32, 2, Ints(-1, 1), converted: 13)
            .Column("unsigned64", INT64, 2, Longs(-1, 1), converted: 14)
            .Column("date", INT32, 2, Ints(0, 19723), converted: 6)
            .Column("time", INT64, 2, Longs(0, 86_399_999_999), converted: 8)
            .Column("millis", INT64, 2, Longs(1_704_141_296_123, -1), converted: 9)
            .Column("old_time", INT96, 2, [.. Longs(45_296_000_000_000), .. Ints(2440588 + 19723), .. Longs(0), .. Ints(2440588)])
            .Column("price", INT32, 2, Ints(12345, -5), converted: 5, scale: 2, precision: 9)
            .Column("fixed_price", FIXED, 2, [0x30, 0x39, 0xFF, 0xFB], converted: 5, length: 2, scale: 2, precision: 4)
            .Column("long_price", BYTE_ARRAY, 2, [2, 0, 0, 0, 0x30, 0x39, 1, 0, 0, 0, 0xFB], converted: 5, scale: 3, precision: 38)
            .Column("float", FLOAT, 2, [.. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(float.NaN)])
            .Column("split", DOUBLE, 2, Split(BitConverter.GetBytes(0.1), BitConverter.GetBytes(-2.5)), encoding: 9)
            .Column("bytes", BYTE_ARRAY, 2, [2, 0, 0, 0, 0xC3, 0x28, 2, 0, 0, 0, 0xC3, 0xA4])
            .Column("key", FIXED, 2, [1, 2, 3, 4, 5, 6], length: 3)
            .Column("word", BYTE_ARRAY, 2, [1, 2, 1, 2, 0], encoding: 8, dictionary: Texts("砚", "墨"), dictionaryValues: 2);
        Rows(sample, 2, 17)
            .ShouldBe([
                """{"bool":false,"run":true,"int":-7,"unsigned":4294967295,"unsigned64":18446744073709551615,"date":"1970-01-01","time":"00:00:00","millis":"2024-01-01T20:34:56.123Z","old_time":"2024-01-01T12:34:56","price":123.45,"fixed_price":123.45,"long_price":"12.345","float":1.5,"split":0.1,"bytes":"�(","key":"AQID","word":"墨"}""",
                """{"bool":true,"run":true,"int":2147483647,"unsigned":1,"unsigned64":1,"date":"2024-01-01","time":"23:59:59.999999","millis":"1969-12-31T23:59:59.999Z","old_time":"1970-01-01T00:00:00","price":-0.05,"fixed_price":-0.05,"long_price":"-0.005","float":"NaN","split":-2.5,"bytes":"ä","key":"BAUG","word":"砚"}""",
            ]);
    }

    [Fact]
    public void Lists_of_older_writers_and_maps_are_recognised()
    {
        (int, int)[] two = [(0, 1), (1, 1)];
        ParquetSample sample = new ParquetSample()
            .Group("bare", 1, Required, converted: 3)
            .Column("element", INT32, 2, Ints(1, 2), Repeated, levels: two, maxRepetition: 1, maxDefinition: 1)
            .Group("array", 1, Required, converted: 3)
            .Group("array", 1, Repeated)
            .Column("x", INT32, 2, Ints(1, 2), levels: two, maxRepetition: 1, maxDefinition: 1)
            .Group("three", 1, Optional, converted: 3)
            .Group("list", 1, Repeated)
            .Column("item", INT32, 2, Ints(5), Optional, levels: [(0, 2), (1, 3)], maxRepetition: 1, maxDefinition: 3)
            .Group("empty", 1, Optional, converted: 3)
            .Group("list", 1, Repeated)
            .Column("item", INT32, 1, [], Optional, levels: [(0, 1)], maxRepetition: 1, maxDefinition: 3)
            .Group("map", 1, Required, converted: 1)
            .Group("key_value", 2, Repeated)
            .Column("key", BYTE_ARRAY, 2, Texts("a", "b"), converted: 0, levels: two, maxRepetition: 1, maxDefinition: 1)
            .Column("value", INT64, 2, Longs(3), Optional, levels: [(0, 2), (1, 1)], maxRepetition: 1, maxDefinition: 2);
        Rows(sample, 1, 5).ShouldBe(["""{"bare":[1,2],"array":[{"x":1},{"x":2}],"three":[null,5],"empty":[],"map":{"a":3,"b":null}}"""]);
    }

    [Fact]
    public void A_page_must_have_its_checksum()
    {
        // CRC-32 of the bytes 1 0 0 0, as zlib gives it.
        Rows(new ParquetSample { Crc = unchecked((int)0x99F8B879) }.Column("a", INT32, 1, Ints(1)), 1, 1).ShouldBe(["""{"a":1}"""]);
        Refused(new ParquetSample { Crc = 5 }.Column("a", INT32, 1, Ints(1)), "checksum");
    }

    [Fact]
    public void Lies_are_named()
    {
        Refused(
            new ParquetSample().Column("a", INT32, 1, Ints(1)).Column("b", INT32, 2, Ints(1, 2)),
            "'b' has 2 values and column 'a' 1",
            fields: 2
        );
        Refused(
            new ParquetSample()
                .Column("a", INT32, 2, Ints(1, 2))
                .Column("b", INT32, 1, Ints(1), Repeated, levels: [(0, 1)], maxRepetition: 1, maxDefinition: 1),
            "'b' has 1 values and column 'a' 2",
            fields: 2
        );
        Refused(new ParquetSample().Column("a", INT32, 2, Ints(1)), "a page ends in the middle of a value of 4 bytes", rows: 2);
        Refused(new ParquetSample().Column("a", BYTE_ARRAY, 1, [0xFF, 0xFF, 0xFF, 0x7F, 1]), "2147483647 bytes");
        Refused(new ParquetSample().Column("a", BYTE_ARRAY, 1, [0xFF, 0xFF, 0xFF, 0xFF, 1]), "4294967295 bytes");
        Refused(
            new ParquetSample().Column("a", BYTE_ARRAY, 1, [3, 2, 7], encoding: 8, dictionary: Texts("x"), dictionaryValues: 1),
            "number 7 of a dictionary of 1"
        );
        Refused(
            new ParquetSample().Column("a", BYTE_ARRAY, 1, [1, 2, 0], encoding: 8, dictionary: Texts("x"), dictionaryValues: 2),
            "no room for 2 values"
        );
        Refused(
            new ParquetSample().Column("a", BYTE_ARRAY, 1, [99, 2, 0], encoding: 8, dictionary: Texts("x"), dictionaryValues: 1),
            "99 bits"
        );
        Refused(new ParquetSample().Column("a", BYTE_ARRAY, 1, [1, 2, 0], encoding: 8), "a dictionary that is not there");
        Refused(new ParquetSample().Column("a", INT32, 1, Ints(1), encoding: 7), "DeltaByteArray");
        Refused(new ParquetSample().Column("a", INT32, 1, Ints(1), encoding: 77), "77");
        Refused(new ParquetSample().Column("a", INT32, 1, Ints(1), Optional, levels: [(0, 3)], maxDefinition: 1), "level");
        Refused(
            new ParquetSample().Column("a", INT32, 1, Ints(1), Repeated, levels: [(1, 1)], maxRepetition: 1, maxDefinition: 1),
            "middle of a list"
        );
        Refused(
            new ParquetSample()
                .Column("a", INT32, 1, Ints(1))
                .Column("b", INT32, 2, Ints(1, 2), Repeated, levels: [(0, 1), (0, 1)], maxRepetition: 1, maxDefinition: 1),
            "fewer rows than the others",
            fields: 2
        );
        Refused(new ParquetSample().Column("a", FIXED, 1, [1], length: -1), "'a' has values of 0 bytes");
        Refused(new ParquetSample().Group("g", 3).Column("a", INT32, 1, Ints(1)), "'g' has 3 columns");
        foreach (int codec in new[] { 1, 2, 4, 5, 6, 7 })
        {
            Refused(new ParquetSample { Codec = codec }.Column("a", INT32, 1, Ints(-1)), "column 'a'");
        }
        Refused(new ParquetSample { Codec = 3 }.Column("a", INT32, 1, Ints(1)), "LZO");
        Refused(new ParquetSample { Codec = 2, Compress = b => Gzip([.. b, 0]) }.Column("a", INT32, 1, Ints(1)), "more than 4 bytes");
        Refused(new ParquetSample { Codec = 2, Compress = b => Gzip(b[1..]) }.Column("a", INT32, 1, Ints(1)), "fewer than 4 bytes");
        Rows(new ParquetSample { Codec = 2, Compress = Gzip }.Column("a", INT32, 1, Ints(1)), 1, 1).ShouldBe(["""{"a":1}"""]);
    }

    /// <summary>Rows are what the columns hold; the footer's counts are only repeated there.</summary>
    [Theory]
    [InlineData(0, null)]
    [InlineData(7, null)]
    [InlineData(null, 7)]
    [InlineData(null, 0)]
    [InlineData(-1, -1)]
    public void A_footer_that_counts_rows_wrongly_loses_none(int? file, int? group)
    {
        ParquetSample sample = new ParquetSample { SaidRows = file, SaidGroupRows = group }.Column(
            "text",
            BYTE_ARRAY,
            3,
            Texts("砚", "墨", "纸"),
            converted: 0
        );
        Rows(sample, 3, 1).ShouldBe(["""{"text":"砚"}""", """{"text":"墨"}""", """{"text":"纸"}"""]);
        using ParquetFile parquet = new(_folder["sample.parquet"]);
        parquet.RowCount.ShouldBe(3);
        new DocumentReader(new ReadOptions()).Read([_folder["sample.parquet"]]).Count().ShouldBe(3);
        ParquetSample lists = new ParquetSample { SaidRows = file, SaidGroupRows = group }.Column(
            "a",
            INT32,
            0,
            Ints(1, 2, 3),
            Repeated,
            levels: [(0, 1), (1, 1), (0, 1)],
            maxRepetition: 1,
            maxDefinition: 1
        );
        Rows(lists, 2, 1).ShouldBe(["""{"a":[1,2]}""", """{"a":[3]}"""]);
    }

    /// <summary>Hive, Impala and older Spark write texts as byte arrays without a word about it: all values of such a column are texts, or
    /// none is.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_byte_array_without_annotation_is_text_by_declaration(bool dictionary)
    {
        byte[] values = [.. Texts("床前"), 2, 0, 0, 0, 0xC3, 0x28];
        ParquetSample sample = dictionary
            ? new ParquetSample().Column("text", BYTE_ARRAY, 3, [1, 3, 0b110], encoding: 8, dictionary: values, dictionaryValues: 2)
            : new ParquetSample().Column("text", BYTE_ARRAY, 3, [.. Texts("床前"), 2, 0, 0, 0, 0xC3, 0x28, 2, 0, 0, 0, 0xC3, 0x28]);
        string path = _folder.Write("bare.parquet", sample.Bytes(3, 1));
        Read(InvalidUtf8.Replace).ShouldBe(("床前|\uFFFD(|\uFFFD(", 2));
        Read(InvalidUtf8.Drop).ShouldBe(("床前", 2));
        Should
            .Throw<InvalidDataException>(() => Read(InvalidUtf8.Fail))
            .Message.ShouldContain("bare.parquet: row 2: the text is no valid UTF-8");

        (string, long) Read(InvalidUtf8 choice)
        {
            DocumentReader reader = new(new ReadOptions(InvalidUtf8: choice));
            return (string.Join('|', reader.Read([path]).Select(d => d.Text)), reader.InvalidUtf8Count);
        }
    }

    [Fact]
    public void Bytes_by_declaration_are_no_text()
    {
        string[] columns = ["fixed", "bson", "nested"];
        ParquetSample sample = new ParquetSample()
            .Column("fixed", FIXED, 1, [65, 66], length: 2)
            .Column("bson", BYTE_ARRAY, 1, Texts("x"), converted: 20)
            .Group("nested", 1)
            .Column("id", FIXED, 1, [67], length: 1)
            .Column("price", INT32, 1, Ints(5), converted: 5, precision: 3);
        string path = _folder.Write("bytes.parquet", sample.Bytes(1, 4));
        foreach (string column in columns)
        {
            Should
                .Throw<InvalidDataException>(() => new DocumentReader(new ReadOptions([column])).Read([path]).Count())
                .Message.ShouldContain($"the field '{column}' holds bytes");
        }
    }

    [Fact]
    public void What_is_no_Parquet_is_named()
    {
        Should.Throw<FileNotFoundException>(() => new ParquetFile(_folder["absent.parquet"])).Message.ShouldContain("absent.parquet");
        Should.Throw<InvalidDataException>(() => new ParquetFile(_folder.Write("a.parquet", "hello"))).Message.ShouldContain("too short");
        Should
            .Throw<InvalidDataException>(() => new ParquetFile(_folder.Write("b.parquet", "hello hello hello")))
            .Message.ShouldContain("does not begin");
        Should
            .Throw<InvalidDataException>(() => new ParquetFile(_folder.Write("c.parquet", "PAR1 hello hello")))
            .Message.ShouldContain("its end is missing");
        Should
            .Throw<InvalidDataException>(() => new ParquetFile(_folder.Write("d.parquet", "PAR1 hello PARE")))
            .Message.ShouldContain("encrypted");
    }

    [Fact]
    public void Documents_come_from_text_fields()
    {
        ParquetSample sample = new ParquetSample()
            .Column("id", INT32, 3, Ints(1, 2, 3))
            .Column(
                "text",
                BYTE_ARRAY,
                3,
                [.. Texts("床前"), 2, 0, 0, 0, 0xC3, 0x28],
                Optional,
                converted: 0,
                levels: [(0, 1), (0, 0), (0, 1)],
                maxDefinition: 1
            );
        string path = _folder.Write("texts.parquet", sample.Bytes(3, 2));
        DocumentReader reader = new(new ReadOptions(MissingKey: MissingKey.Skip));
        reader.Read([path]).ShouldBe([new Document(path, 1, "床前"), new Document(path, 3, "\uFFFD(")]);
        (reader.MissingKeyCount, reader.InvalidUtf8Count, reader.BytesRead).ShouldBe((1, 1, new FileInfo(path).Length));
        Should.Throw<InvalidDataException>(() => Read(new ReadOptions())).Message.ShouldContain("row 2: the field 'text' is null");
        Should.Throw<InvalidDataException>(() => Read(new ReadOptions(["body"]))).Message.ShouldContain("id, text");
        Should.Throw<InvalidDataException>(() => Read(new ReadOptions(["id"]))).Message.ShouldContain("row 1: the field 'id' is neither");
        Should
            .Throw<InvalidDataException>(() => Read(new ReadOptions(InvalidUtf8: InvalidUtf8.Fail, MissingKey: MissingKey.Skip)))
            .Message.ShouldContain("row 3");
        InputFiles.Find([_folder.Path]).ShouldBe([path]);

        int Read(ReadOptions options) => new DocumentReader(options).Read([path]).Count();
    }

    internal static ParquetSample Dremel() =>
        new ParquetSample()
            .Column("DocId", INT64, 2, Longs(10, 20))
            .Group("Links", 2, Optional)
            .Column("Backward", INT64, 0, Longs(10, 30), Repeated, levels: [(0, 1), (0, 2), (1, 2)], maxRepetition: 1, maxDefinition: 2)
            .Column(
                "Forward",
                INT64,
                0,
                Longs(20, 40, 60, 80),
                Repeated,
                levels: [(0, 2), (1, 2), (1, 2), (0, 2)],
                maxRepetition: 1,
                maxDefinition: 2
            )
            .Group("Name", 2, Repeated)
            .Group("Language", 2, Repeated)
            .Column(
                "Code",
                BYTE_ARRAY,
                0,
                Texts("en-us", "en", "en-gb"),
                converted: 0,
                levels: [(0, 2), (2, 2), (1, 1), (1, 2), (0, 1)],
                maxRepetition: 2,
                maxDefinition: 2
            )
            .Column(
                "Country",
                BYTE_ARRAY,
                0,
                Texts("us", "gb"),
                Optional,
                converted: 0,
                levels: [(0, 3), (2, 2), (1, 1), (1, 3), (0, 1)],
                maxRepetition: 2,
                maxDefinition: 3
            )
            .Column(
                "Url",
                BYTE_ARRAY,
                0,
                Texts("http://A", "http://B", "http://C"),
                Optional,
                converted: 0,
                levels: [(0, 2), (1, 2), (1, 1), (0, 2)],
                maxRepetition: 1,
                maxDefinition: 2
            );

    private static byte[] Split(params byte[][] values) =>
        [.. Enumerable.Range(0, values[0].Length).SelectMany(k => values.Select(v => v[k]))];

    private static byte[] Gzip(byte[] bytes)
    {
        using MemoryStream memory = new();
        using (GZipStream gzip = new(memory, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }
        return memory.ToArray();
    }

    private string[] Rows(ParquetSample sample, int rows, int fields)
    {
        using ParquetFile file = new(_folder.Write("sample.parquet", sample.Bytes(rows, fields)));
        return
        [
            .. file.ReadRows()
                .Select(r => r.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })),
        ];
    }

    private void Refused(ParquetSample sample, string reason, int rows = 1, int fields = 1)
    {
        string message = Should.Throw<InvalidDataException>(() => Rows(sample, rows, fields)).Message;
        message.ShouldContain("sample.parquet");
        message.ShouldContain(reason);
    }
}
