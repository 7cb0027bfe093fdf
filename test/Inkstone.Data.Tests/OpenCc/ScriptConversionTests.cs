using System.Text.Json.Nodes;

namespace Inkstone.Data.Tests;

public sealed class ScriptConversionTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();
    private readonly ScriptConverter _converter;

    public ScriptConversionTests() => _converter = ScriptConverter.Load("t2s", SmallDictionaries.Write(_folder));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_long_file_is_its_lines(int threads)
    {
        string[] lines = [.. Enumerable.Range(0, 60_000).Select(i => i % 7 == 0 ? "" : $"{i}乾清宮與乾隆門\r")];
        string input = _folder.Write("in.txt", string.Join('\n', lines)),
            output = _folder["out.txt"];
        ScriptConversionResult result = new ScriptConversion(_converter) { Threads = threads }.ConvertText(
            input,
            output,
            cancellation: TestContext.Current.CancellationToken
        );
        (File.ReadAllText(output) == string.Join('\n', lines.Select(_converter.Convert))).ShouldBeTrue();
        (result.Records, result.InputBytes, result.Converted).ShouldBe((lines.Length, new FileInfo(input).Length, true));
        result.OutputBytes.ShouldBe(new FileInfo(output).Length);
    }

    [Fact]
    public void What_was_converted_is_not_converted_again()
    {
        ScriptConversion conversion = new(_converter);
        conversion.ConvertText(_folder.Write("a", "乾清宮"), _folder["b"], cancellation: TestContext.Current.CancellationToken);
        ScriptConversionResult again = conversion.ConvertText(
            _folder["b"],
            _folder["c"],
            cancellation: TestContext.Current.CancellationToken
        );
        (again.Converted, File.ReadAllText(_folder["c"])).ShouldBe((false, "乾清宫"));
        AppliedConversions.Find(_folder["c"]).ShouldBe([new AppliedConversion("t2s", _converter.Fingerprint)]);
        ScriptStep step = new(_converter);
        (step.Convert(_folder["b"], "乾清宫"), step.Convert(_folder["a"], "乾清宮")).ShouldBe(("乾清宫", "乾清宫"));
        step.After(_folder["b"]).ShouldBe(step.After(_folder["a"]));
        AppliedConversions.Reach(AppliedConversions.Find(_folder["c"]), "tw2sp").ShouldBeTrue();
        AppliedConversions.Reach(AppliedConversions.Find(_folder["c"]), "s2twp").ShouldBeFalse();

        File.AppendAllText(_folder["c"], "宮"); // another text by now
        AppliedConversions.Find(_folder["c"]).ShouldBeEmpty();
        AppliedConversions.IsRecorded(_folder["c"]).ShouldBeFalse();
    }

    [Fact]
    public void Preparing_converts_what_was_not_converted_and_says_so()
    {
        string raw = _folder.Write("raw.jsonl", "{\"text\":\"乾清宮的門\"}\n");
        new ScriptConversion(_converter).ConvertRecords(
            _folder.Write("more.jsonl", "{\"text\":\"乾清宮的頭\"}\n"),
            _folder["done.jsonl"],
            ["text"],
            cancellation: TestContext.Current.CancellationToken
        );
        PrepareOptions options = new(
            [raw, _folder["done.jsonl"]],
            _folder["prepared"],
            MinLength: 1,
            ValidRatio: 0,
            Convert: "t2s",
            Dictionaries: _folder["cc"]
        );
        PrepareResult result = new Preparation(options).Run(cancellation: TestContext.Current.CancellationToken);
        File.ReadAllText(_folder["prepared/train.jsonl"]).ShouldBe("{\"text\":\"乾清宫的门\"}\n{\"text\":\"乾清宫的头\"}\n");
        result.Conversions.ShouldBe([new AppliedConversion("t2s", _converter.Fingerprint)]);
        AppliedConversions.Find(_folder["prepared/train.jsonl"]).ShouldBe(result.Conversions);

        // A second preparation of what is converted converts nothing and passes the note on.
        PrepareResult again = new Preparation(options with { Inputs = [_folder["prepared/train.jsonl"]], Output = _folder["again"] }).Run(
            cancellation: TestContext.Current.CancellationToken
        );
        File.ReadAllText(_folder["again/train.jsonl"]).ShouldBe(File.ReadAllText(_folder["prepared/train.jsonl"]));
        again.Conversions.ShouldBe(result.Conversions);
    }

    [Fact]
    public void Only_the_named_fields_of_records_are_converted()
    {
        string input = _folder.Write(
            "in.jsonl",
            """
            {"id":9007199254740993,"乾":"乾","text":"乾門","talk":[{"role":"user","乾":"宮"},["頭",1.50]]}
            {"text":"乾隆門隆","keep":[[1,1],[3,4]]}

            {"other":"乾"}
            """
        );
        ScriptConversionResult result = new ScriptConversion(_converter).ConvertRecords(
            input,
            _folder["out.jsonl"],
            ["text", "talk"],
            cancellation: TestContext.Current.CancellationToken
        );
        File.ReadAllText(_folder["out.jsonl"])
            .ShouldBe(
                """
                {"id":9007199254740993,"乾":"乾","text":"干门","talk":[{"role":"user","乾":"宫"},["头",1.50]]}
                {"text":"干隆门隆","keep":[[1,1],[3,4]]}
                {"other":"乾"}

                """
            );
        (result.Records, result.Changed).ShouldBe((3, 2));
        Should
            .Throw<InvalidDataException>(() => new ScriptConversion(_converter).ConvertRecords(input, _folder["none"], ["txet"]))
            .Message.ShouldContain("txet");
        File.Exists(_folder["none"]).ShouldBeFalse();
    }

    [Fact]
    public void Kept_places_count_code_points()
    {
        JsonArray pairs = [new JsonArray(1, 2), new JsonArray(3, 3)];
        IReadOnlyList<TextSpan> spans = KeptText.Read(pairs, "😀😀a乾");
        spans.ShouldBe([new TextSpan(2, 4), new TextSpan(5, 5)]);
        KeptText.Write("😀😀a乾", spans).ToJsonString().ShouldBe("[[1,2],[3,3]]");
        Should.Throw<InvalidDataException>(() => KeptText.Read([new JsonArray(2, 1)], "abc"));
        Should.Throw<InvalidDataException>(() => KeptText.Read([new JsonArray(2, 9)], "abc"));
    }

    [Fact]
    public void Bad_bytes_are_named_by_line()
    {
        string input = _folder.Write("bad.txt", [.. "一\n二\n"u8, 0xFF, .. "\n三"u8]);
        Should
            .Throw<InvalidDataException>(() => new ScriptConversion(_converter).ConvertText(input, _folder["out"]))
            .Message.ShouldContain("bad.txt:3");
        File.Exists(_folder["out"]).ShouldBeFalse();
    }
}
