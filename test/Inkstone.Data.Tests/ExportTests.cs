using System.Text.Json.Nodes;
using Inkstone.Text;
using ParquetSharp;

namespace Inkstone.Data.Tests;

public sealed class ExportTests : IDisposable
{
    private readonly TemporaryDirectory _place = new();

    public void Dispose() => _place.Dispose();

    [Fact]
    public void What_is_written_as_Parquet_is_read_back_as_it_was()
    {
        string[] rows =
        [
            """{"id":1,"big":9007199254740993,"x":0.5,"ok":true,"text":"墨\n\"砚\"","tags":["a",null,"丙"],"turns":[{"role":"user","content":"问","n":null},{"role":"assistant","content":"答","n":3}],"deep":{"a":[[1,2],[],[3]],"b":null},"mixed":"words","none":null,"huge":18446744073709551615,"odd":"NaN"}""",
            """{"id":2,"big":-1,"x":2,"ok":null,"text":"","tags":[],"turns":[],"deep":{"a":[],"b":{"c":false}},"mixed":[1,"two"],"none":null,"huge":7,"odd":1.5}""",
            """{"id":null,"big":null,"x":null,"ok":false,"text":null,"tags":null,"turns":null,"deep":null,"mixed":null,"none":null,"huge":null,"odd":"-Infinity"}""",
        ];
        JsonObject[] records = [.. Enumerable.Range(0, 300).Select(i => JsonNode.Parse(rows[i % 3])!.AsObject())];
        RecordExport.ToParquet(_place["x.parquet"], () => records).Rows.ShouldBe(300);
        using ParquetFile file = new(_place["x.parquet"]);
        JsonObject[] read = [.. file.ReadRows()];
        for (int i = 0; i < records.Length; i++)
        {
            JsonObject expected = records[i].DeepClone().AsObject();
            // Kinds that differ from row to row are kept as the text of their JSON.
            if (expected["mixed"] is { } mixed)
            {
                expected["mixed"] = mixed.ToJsonString();
            }
            JsonNode.DeepEquals(read[i], expected).ShouldBeTrue($"row {i}: {read[i].ToJsonString()} and not {expected.ToJsonString()}");
        }
    }

    /// <summary>Apache Arrow's reader on a file of ours: two row groups, nulls, lists.</summary>
    [Fact]
    public void Apache_Arrow_reads_what_is_written()
    {
        JsonObject[] records =
        [
            .. Enumerable
                .Range(0, 60_000)
                .Select(i => new JsonObject
                {
                    ["n"] = i,
                    ["text"] = i % 7 == 0 ? null : $"第 {i} 行",
                    ["ids"] = new JsonArray([.. Enumerable.Range(0, i % 4).Select(k => JsonValue.Create(k))]),
                }),
        ];
        RecordExport.ToParquet(_place["a.parquet"], () => records);
        using ParquetFileReader reader = new(_place["a.parquet"]);
        reader.FileMetaData.NumRows.ShouldBe(60_000);
        reader.FileMetaData.NumRowGroups.ShouldBe(2);
        int row = 0;
        for (int g = 0; g < 2; g++)
        {
            using RowGroupReader group = reader.RowGroup(g);
            int count = (int)group.MetaData.NumRows;
            int?[] n = group.Column(0).LogicalReader<int?>().ReadAll(count);
            string?[] text = group.Column(1).LogicalReader<string?>().ReadAll(count);
            int?[]?[] ids = group.Column(2).LogicalReader<int?[]?>().ReadAll(count);
            for (int i = 0; i < count; i++, row++)
            {
                n[i].ShouldBe(row);
                text[i].ShouldBe(row % 7 == 0 ? null : $"第 {row} 行");
                ids[i]!.Length.ShouldBe(row % 4);
            }
        }
        row.ShouldBe(60_000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Examples_as_tokens_come_back_without_padding(bool packed)
    {
        MaskedConversation[] examples =
        [
            .. Enumerable
                .Range(1, 40)
                .Select(i => new MaskedConversation(
                    [.. Enumerable.Range(0, i % 9 + 2).Select(t => 100 + t * i)],
                    [.. Enumerable.Range(0, i % 9 + 2).Select(t => t >= 1 && t % 3 != 0)]
                )),
        ];
        IReadOnlyList<JsonObject> rows = [.. TokenizedExamples.Rows(examples, 16, padId: 0, packed)];
        rows.ShouldAllBe(r =>
            r["token_ids"]!.AsArray().Count == 16 && r["position_ids"]!.AsArray().Count == 16 && r["attention_mask"]!.AsArray().Count == 16
        );
        RecordExport.ToParquet(_place["e.parquet"], () => rows);
        TokenizedExamples.Are(_place["e.parquet"]).ShouldBeTrue();
        string[] read = [.. TokenizedExamples.Read(_place["e.parquet"]).Select(e => Spell(e.Example))];
        read.Order(StringComparer.Ordinal).ShouldBe(examples.Select(Spell).Order(StringComparer.Ordinal));
        if (packed)
        {
            rows.Count.ShouldBeLessThan(examples.Length / 2);
        }
        else
        {
            read.ShouldBe(examples.Select(Spell));
        }
    }

    [Fact]
    public void Labels_that_are_no_tokens_are_told()
    {
        File.WriteAllText(_place["bad.jsonl"], """{"token_ids":[1,2,3],"labels":[-100,3,-100]}""");
        RecordExport.ToParquet(_place["bad.parquet"], () => RecordExport.Records([_place["bad.jsonl"]]));
        Should
            .Throw<InvalidDataException>(() => TokenizedExamples.Read(_place["bad.parquet"]).Count())
            .Message.ShouldContain("label 3 stands at token 2");
    }

    [Fact]
    public void A_survey_counts_kinds_lengths_and_keys()
    {
        File.WriteAllLines(
            _place["s.jsonl"],
            [
                """{"text":"山水有清音"}""",
                """{"messages":[{"role":"user","content":"问"},{"role":"assistant","content":"答答"}]}""",
                """{"odd":"thing"}""",
                """{"text":""}""",
            ]
        );
        DataSurvey survey = DataSurvey.Measure([_place["s.jsonl"]], 2, 0, text => text.Length * 2);
        survey.Kinds.ShouldBe(
            new Dictionary<string, long>
            {
                ["text"] = 1,
                ["conversation"] = 1,
                ["other"] = 2,
            },
            ignoreOrder: true
        );
        (survey.Records, survey.Characters, survey.Tokens).ShouldBe((4, 14, 28));
        survey.Unusable["a text is empty"].ShouldBe(1);
        survey.Shown[1].Turns.ShouldBe([("user", "问"), ("assistant", "答答")]);
        survey.Histogram[2].ShouldBe(3, "5, 4 and 5 characters lie from 4 to 7");
    }

    private static string Spell(MaskedConversation e) => string.Join(' ', e.Ids.Select((id, i) => e.LossMask[i] ? $"{id}!" : $"{id}"));
}
