using System.Text.Json.Nodes;

namespace Inkstone.Data.Tests;

public sealed class ParquetFileTests
{
    [Theory]
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
        if (Goldens.Find($"parquet/{name}.parquet") is not { } path || Goldens.Find("parquet/rows.jsonl") is not { } rows) return;
        using var file = new ParquetFile(path);
        file.RowCount.ShouldBe(1500);
        int number = 0;
        using IEnumerator<JsonObject> read = file.ReadRows().GetEnumerator();
        foreach (string line in File.ReadLines(rows))
        {
            read.MoveNext().ShouldBeTrue();
            JsonNode.DeepEquals(read.Current, JsonNode.Parse(line)).ShouldBeTrue($"row {number} is {read.Current.ToJsonString()} and should be {line}");
            number++;
        }
        read.MoveNext().ShouldBeFalse();
        number.ShouldBe(1500);
    }
}
