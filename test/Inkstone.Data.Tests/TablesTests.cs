using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data.Tests;

/// <summary>The same rows as seven programs write them, read alike. What a writer lost cannot be read, and is named here.</summary>
public sealed class TablesTests
{
    private const string Folder = "data/tables/";

    [GoldenTheory("goldens/data/tables")]
    [InlineData("pyarrow.parquet")]
    [InlineData("pyarrow_large_dict.parquet", "when: milliseconds, UTC")]
    [InlineData("pyarrow_noschema.parquet", "-all_null")]
    [InlineData("arrow_file.arrow")]
    [InlineData("arrow_stream.arrows", "when: milliseconds, UTC")]
    [InlineData("pandas.parquet", "-all_null", "NaN: null")]
    [InlineData("pandas.jsonl", "when: milliseconds", "day: moment", "nan: null", "10 decimals", "-blob", "-all_null")]
    [InlineData("polars.parquet", "-all_null")]
    [InlineData("polars.jsonl", "-blob", "-all_null", "when: blank", "nan: null", "short floats")]
    [InlineData("polars.arrow", "-all_null")]
    [InlineData("duckdb.parquet", "-all_null")]
    [InlineData("duckdb.jsonl", "-blob", "-all_null", "when: blank", "nan: signs")]
    [InlineData("datasets.parquet", "-all_null")]
    [InlineData("datasets.jsonl", "-blob", "-all_null", "when: number", "day: number", "10 decimals", "nan: null")]
    [InlineData("datasets_disk", "-all_null")]
    [InlineData("rows.jsonl.zst")]
    [InlineData("rows_long.jsonl.zst")]
    [InlineData("rows_bom_crlf.jsonl")]
    [InlineData("rows_array.json")]
    public void Every_writers_rows_are_the_same(string name, params string[] lost)
    {
        JsonObject[] truth = Lines(Goldens.Of(Folder + "rows.jsonl")),
            rows = Read(name);
        rows.Length.ShouldBe(truth.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            foreach (string column in lost.Where(l => l.StartsWith('-')).Select(l => l[1..]))
            {
                truth[i].Remove(column);
            }
            if (rows[i]["all_null"] is null)
            {
                _ = (rows[i].Remove("all_null"), truth[i].Remove("all_null"));
            }
            Lose(truth[i], lost);
            foreach ((string column, JsonNode? value) in truth[i])
            {
                Same(rows[i][column], value, lost.Contains("10 decimals"))
                    .ShouldBeTrue($"{name}, row {i}, {column}: {rows[i][column]?.ToJsonString()} and not {value?.ToJsonString()}");
            }
            rows[i].Count.ShouldBe(truth[i].Count, name);
        }
    }

    [GoldenFact("goldens/data/tables")]
    public void Texts_that_a_writer_calls_JSON_are_what_they_spell()
    {
        JsonObject[] truth = Lines(Goldens.Of(Folder + "datasets_json.expect.jsonl")),
            rows = Read("datasets_json.parquet");
        rows.Length.ShouldBe(truth.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            JsonNode.DeepEquals(rows[i], truth[i]).ShouldBeTrue($"{rows[i].ToJsonString()} and not {truth[i].ToJsonString()}");
        }
    }

    [Fact]
    public void Csv_cells_may_hold_separators_quotes_and_line_ends()
    {
        using TemporaryDirectory place = new();
        File.WriteAllText(place["q.csv"], ",question,A,answer\r\n0,\"墨锭在____上，\n\"\"研磨\"\"？\",砚台,A\r\n1,x,\"a,b\",B\r\n");
        JsonRecords
            .Read(place["q.csv"], [])
            .Select(r =>
                r.Record.ToJsonString(
                    new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
                )
            )
            .ShouldBe([
                """{"index":"0","question":"墨锭在____上，\n\"研磨\"？","A":"砚台","answer":"A"}""",
                """{"index":"1","question":"x","A":"a,b","answer":"B"}""",
            ]);
        new DocumentReader(new ReadOptions(["question"])).Read([place["q.csv"]]).Last().Text.ShouldBe("x");
        File.WriteAllText(place["bad.csv"], "a,b\n1,2\n3\n");
        Should.Throw<InvalidDataException>(() => JsonRecords.Read(place["bad.csv"], []).Count()).Message.ShouldContain("bad.csv:3");
    }

    [Fact]
    public void Damaged_tables_are_told()
    {
        using TemporaryDirectory place = new();
        File.WriteAllBytes(place["cut.arrow"], [.. "ARROW1\0\0"u8, 0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0, 0, 0, 1, 2, 3]);
        Should.Throw<InvalidDataException>(() => JsonRecords.Read(place["cut.arrow"], []).Count()).Message.ShouldContain("cut.arrow");
        using (FileStream file = File.Create(place["cut.jsonl.zst"]))
        using (ZstdSharp.CompressionStream zstd = new(file))
        {
            for (int i = 0; i < 50_000; i++)
            {
                zstd.Write(System.Text.Encoding.UTF8.GetBytes($"{{\"text\":\"{Random.Shared.NextInt64()}\"}}\n"));
            }
        }
        File.WriteAllBytes(place["cut.jsonl.zst"], File.ReadAllBytes(place["cut.jsonl.zst"])[..20_000]);
        Should
            .Throw<InvalidDataException>(() => JsonRecords.Read(place["cut.jsonl.zst"], []).Count())
            .Message.ShouldContain("cut.jsonl.zst' is damaged");
    }

    private static JsonObject[] Read(string name) =>
        [.. InputFiles.Find([Goldens.Of(Folder + name)]).SelectMany(f => JsonRecords.Read(f, [])).Select(r => r.Record)];

    private static JsonObject[] Lines(string path) => [.. File.ReadLines(path).Select(l => JsonNode.Parse(l)!.AsObject())];

    private static void Lose(JsonObject row, string[] lost)
    {
        string? when = row["when"]?.GetValue<string>(),
            day = row["day"]?.GetValue<string>();
        foreach (string word in lost)
        {
            switch (word)
            {
                case "when: milliseconds, UTC":
                    row["when"] = when is null ? null : Milliseconds(when) + "Z";
                    break;
                case "when: milliseconds":
                    row["when"] = when is null ? null : Milliseconds(when, always: true);
                    break;
                case "when: blank":
                    row["when"] = when?.Replace('T', ' ');
                    break;
                case "when: number":
                    row["when"] = when is null
                        ? null
                        : (long)
                            (
                                DateTime.Parse(when, System.Globalization.CultureInfo.InvariantCulture) - DateTime.UnixEpoch
                            ).TotalMilliseconds;
                    break;
                case "day: moment":
                    row["day"] = day is null ? null : day + "T00:00:00.000";
                    break;
                case "day: number":
                    row["day"] = day is null
                        ? null
                        : (long)
                            (DateTime.Parse(day, System.Globalization.CultureInfo.InvariantCulture) - DateTime.UnixEpoch).TotalMilliseconds;
                    break;
                case "short floats" when row["weight"] is { } weight:
                    row["weight"] = Short(weight.GetValue<double>());
                    break;
                case "NaN: null" when row["nan"]?.ToString() == "NaN":
                    row["nan"] = null;
                    break;
                case "nan: null" when row["nan"]?.GetValueKind() == JsonValueKind.String:
                    row["nan"] = null;
                    break;
            }
        }
    }

    private static string Milliseconds(string when, bool always = false) =>
        when[..23] is var cut && cut.EndsWith(".000", StringComparison.Ordinal) && !always ? cut[..19] : cut;

    private static bool Same(JsonNode? a, JsonNode? b, bool rounded) =>
        (a, b) switch
        {
            (JsonArray x, JsonArray y) => x.Count == y.Count && x.Zip(y).All(p => Same(p.First, p.Second, rounded)),
            (JsonObject x, JsonObject y) => x.Count == y.Count && x.All(p => y.ContainsKey(p.Key) && Same(p.Value, y[p.Key], rounded)),
            (JsonValue x, JsonValue y) when x.GetValueKind() == JsonValueKind.Number && y.GetValueKind() == JsonValueKind.Number => Exact(x)
                == Exact(y)
                || Math.Abs(Number(x) - Number(y)) <= (rounded ? 1e-10 : 0),
            _ => JsonNode.DeepEquals(a, b),
        };

    /// <summary>A float32 as few digits spell it.</summary>
    private static double Short(double value) =>
        double.Parse(
            ((float)value).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
            System.Globalization.CultureInfo.InvariantCulture
        );

    /// <summary>As numbers of the form that JSON gives: 18446744073709551615 is no double.</summary>
    private static string Exact(JsonValue value) => value.ToJsonString();

    private static double Number(JsonValue value) => double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
}
