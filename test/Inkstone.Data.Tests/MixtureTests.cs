using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data.Tests;

public sealed class MixtureTests : IDisposable
{
    private readonly TemporaryDirectory _place = new();

    public void Dispose() => _place.Dispose();

    [Fact]
    public void Quotas_are_exact_and_two_runs_are_the_same_bytes_whatever_the_threads()
    {
        Conversations("general.jsonl", 900);
        Conversations("more.jsonl", 100);
        Conversations("identity.jsonl", 60);
        Texts("text.jsonl", 200);
        Pairs("pairs.jsonl", 150);
        string recipe = """
            {"seed": 7, "categories": {
              "general": {"count": 400, "sources": [{"path": "@general.jsonl", "name": "g"}, {"path": "@more.jsonl", "name": "m", "count": 130}]},
              "identity": {"count": 50, "repeat": 2, "sources": "@identity.jsonl"},
              "books": {"count": 500, "sources": "@text.jsonl"},
              "preference": {"count": 100, "writes": "dpo", "sources": "@pairs.jsonl"}}}
            """;
        MixReport report = Mix(recipe, "one", threads: 1);
        Mix(recipe, "two", threads: 4);
        foreach (string file in new[] { "pretrain.jsonl", "sft.jsonl", "dpo.jsonl", Mixture.ManifestFile })
        {
            File.ReadAllBytes(Path.Combine(_place["one"], file)).ShouldBe(File.ReadAllBytes(Path.Combine(_place["two"], file)), file);
        }

        JsonObject[] sft = Lines("one/sft.jsonl");
        sft.Length.ShouldBe(500);
        sft.GroupBy(r => $"{r["category"]}/{r["source"]}")
            .ToDictionary(g => g.Key, g => g.Count())
            .ShouldBe(
                new Dictionary<string, int>
                {
                    ["general/g"] = 270,
                    ["general/m"] = 130,
                    ["identity/identity"] = 100,
                },
                ignoreOrder: true
            );
        sft.Where(r => $"{r["category"]}" == "identity")
            .GroupBy(r => r["conversations"]!.ToJsonString())
            .ShouldAllBe(g => g.Count() == 2, "each of 50, twice");
        sft.Where(r => $"{r["source"]}" == "m")
            .GroupBy(r => r["conversations"]!.ToJsonString())
            .Count()
            .ShouldBe(100, "130 of 100: all of them, and 30 again");
        JsonObject[] pretrain = Lines("one/pretrain.jsonl");
        pretrain.Length.ShouldBe(1000);
        pretrain.First(r => $"{r["category"]}" == "general")["text"]!.GetValue<string>().ShouldMatch(@"^\[用户\] 问 \d+\n\[助手\] 答 \d+$");
        pretrain
            .Where(r => $"{r["category"]}" == "books")
            .GroupBy(r => $"{r["text"]}")
            .ShouldAllBe(g => g.Count() == 2 || g.Count() == 3, "500 of 200: 2.5 times each");
        pretrain.Take(300).Select(r => $"{r["category"]}").Distinct().Count().ShouldBe(3, "shuffled");
        Lines("one/dpo.jsonl").Length.ShouldBe(100);
        Lines("one/dpo.jsonl")[0]["chosen"]!.AsArray().Select(m => $"{m!["role"]}").ShouldBe(["user", "assistant"]);
        report.Usage.Single(u => u.Category == "books").Epochs.ShouldBe(2.5);
        Directory
            .GetFileSystemEntries(_place["one"])
            .Select(Path.GetFileName)
            .Order(StringComparer.Ordinal)
            .ShouldBe([".ink-files", "dpo.jsonl", "mix.json", "pretrain.jsonl", "sft.jsonl"]);
    }

    [Fact]
    public void A_source_that_is_too_small_is_refused_or_told()
    {
        Conversations("few.jsonl", 10);
        string recipe = """{"SHORT": "categories", "categories": {"math": {"count": 100, "sources": "@few.jsonl"}}}""";
        Should
            .Throw<InvalidDataException>(() => Mix(recipe.Replace("\"SHORT\": \"categories\", ", "", StringComparison.Ordinal), "x"))
            .Message.ShouldContain("math wants 100 records, and its sources have 10");
        MixReport report = Mix(recipe.Replace("\"SHORT\": \"categories\"", "\"shortage\": \"shrink\"", StringComparison.Ordinal), "y");
        report.Lines["sft.jsonl"].ShouldBe(40);
        report.Shortages.Count.ShouldBe(1);
        Directory.Exists(_place["x"]).ShouldBeFalse();
    }

    [Fact]
    public void Weights_share_a_total_exactly()
    {
        Conversations("a.jsonl", 500);
        Conversations("b.jsonl", 500);
        Conversations("c.jsonl", 50);
        MixReport report = Mix(
            """
            {"total": 100, "max_epochs": 1, "categories": {
              "x": {"weight": 2, "sources": [{"path": "@a.jsonl", "weight": 1, "name": "a"}, {"path": "@c.jsonl", "weight": 9, "name": "c"}]},
              "y": {"weight": 1, "sources": "@b.jsonl"}}}
            """,
            "w"
        );
        report.Usage.Select(u => (u.Source, u.Written)).ShouldBe([("a", 17), ("c", 50), ("y", 33)]);
    }

    [Theory]
    [InlineData(10, new[] { 1.0, 1, 1 }, new[] { 99L, 99, 99 }, new[] { 4L, 3, 3 })]
    [InlineData(10, new[] { 5.0, 3, 2 }, new[] { 2L, 99, 99 }, new[] { 2L, 5, 3 })]
    [InlineData(7, new[] { 0.0, 1, 1 }, new[] { 99L, 3, 99 }, new[] { 0L, 3, 4 })]
    [InlineData(6, new[] { 1.0, 1 }, new[] { 3L, 3 }, new[] { 3L, 3 })]
    public void What_a_cap_holds_back_goes_to_the_others(long total, double[] weights, long[] caps, long[] expected) =>
        Quotas.Divide(total, weights, caps).ShouldBe(expected);

    [Theory]
    [InlineData(
        """{"id":"3","question":"墨锭在____上研磨。","A":"砚台","B":"铁锅","C":"木桌","D":"瓦片","answer":"A"}""",
        "墨锭在____上研磨。\nA. 砚台\nB. 铁锅\nC. 木桌\nD. 瓦片",
        "A. 砚台"
    )]
    [InlineData(
        """{"index":"0","Question":"笔头用什么制成？","A":"兽毛","B":"玻璃","C":"石头","D":"铁丝","Answer":"A"}""",
        "笔头用什么制成？\nA. 兽毛\nB. 玻璃\nC. 石头\nD. 铁丝",
        "A. 兽毛"
    )]
    [InlineData(
        """{"question":"What wears ink away?","choices":{"text":["rubbing","singing"],"label":["1","2"]},"answerKey":"2"}""",
        "What wears ink away?\n1. rubbing\n2. singing",
        "2. singing"
    )]
    [InlineData(
        """{"context":["男：墨呢？","女：在桌上。"],"question":"墨在哪儿？","choice":["桌上","书里"],"answer":"书里"}""",
        "男：墨呢？\n女：在桌上。\n墨在哪儿？\nA. 桌上\nB. 书里",
        "B. 书里"
    )]
    [InlineData("""{"question":"q","choices":["a","b","c"],"answer":2,"explanation":"because"}""", "q\nA. a\nB. b\nC. c", "C. c\nbecause")]
    public void A_question_with_choices_becomes_a_question_and_its_answer(string record, string asked, string told)
    {
        JsonObject json = JsonNode.Parse(record)!.AsObject();
        ChoiceQuestion.Fits(json).ShouldBeTrue();
        ChoiceQuestion.Read(json).Select(m => $"{m!["content"]}").ShouldBe([asked, told]);
    }

    [Fact]
    public void Records_of_many_forms_go_where_they_belong_and_the_rest_is_counted()
    {
        File.WriteAllLines(
            _place["all.jsonl"],
            [
                """{"instruction":"一","input":"","output":"二","source":"own"}""",
                """{"conversations":[{"from":"human","value":"你好"},{"from":"gpt","value":""}]}""",
                """{"question":"q","A":"a","B":"b","answer":""}""",
                """{"question":"q","A":"a","B":"b","answer":"B"}""",
                """{"text":"一篇文章"}""",
                """{"prompt":"p","chosen":"c","rejected":"r"}""",
                """{"prompt":"p","chosen":"c","rejected":"c"}""",
                """{"chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"c"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"r"}]}""",
            ]
        );
        MixReport report = Mix("""{"categories": {"all": {"count": 5, "sources": "@all.jsonl"}}}""", "all");
        report.Lines.ShouldBe(
            new Dictionary<string, long>
            {
                ["pretrain.jsonl"] = 3,
                ["sft.jsonl"] = 2,
                ["dpo.jsonl"] = 2,
            },
            ignoreOrder: true
        );
        report
            .Usage[0]
            .Skipped.ShouldBe(
                new Dictionary<string, long>
                {
                    ["an assistant's turn is empty"] = 1,
                    ["a question has no answer"] = 1,
                    ["both answers are the same"] = 1,
                },
                ignoreOrder: true
            );
        Lines("all/sft.jsonl").Select(r => $"{r["source"]}").Order(StringComparer.Ordinal).ShouldBe(["all", "own"]);
        File.AppendAllText(_place["all.jsonl"], """{"odd":1}""");
        Should
            .Throw<InvalidDataException>(() => Mix("""{"categories": {"all": {"count": 5, "sources": "@all.jsonl"}}}""", "odd"))
            .Message.ShouldContain("all.jsonl:9: the keys odd");
    }

    [Fact]
    public void The_booklets_recipe_takes_what_the_booklet_says()
    {
        JsonObject yaml = Yaml(Path.Combine(AppContext.BaseDirectory, "booklet.yaml"));
        MixRecipe
            .Read(yaml, "booklet.yaml")
            .Categories.Select(c => (c.Name, c.Count, c.Repeat))
            .ShouldBe([
                ("general", 460_000, 1),
                ("knowledge", 100_000, 1),
                ("math", 8_000, 1),
                ("identity", 1_000, 2),
                ("preference", 60_000, 1),
            ]);
    }

    /// <summary>The little of YAML that the recipe uses; the program's own reader is another project's.</summary>
    private static JsonObject Yaml(string path)
    {
        JsonObject root = [],
            categories = [];
        root["categories"] = categories;
        foreach (string line in File.ReadLines(path).Where(l => l.Length > 0 && l[0] == ' '))
        {
            string[] parts = line.Trim().Split(": ", 2);
            if (line.StartsWith("    ", StringComparison.Ordinal))
            {
                ((JsonObject)categories[categories.Count - 1]!)[parts[0]] = long.TryParse(parts[1], out long number) ? number : parts[1];
            }
            else
            {
                categories[parts[0].TrimEnd(':')] = new JsonObject();
            }
        }
        return root;
    }

    private MixReport Mix(string recipe, string output, int threads = 2) =>
        new Mixture(
            MixRecipe.Read(JsonNode.Parse(recipe.Replace("@", _place.Path + "/", StringComparison.Ordinal))!.AsObject(), "recipe.yaml")
        ).Run(_place[output], false, threads);

    private JsonObject[] Lines(string name) => [.. File.ReadLines(_place[name]).Select(l => JsonNode.Parse(l)!.AsObject())];

    private void Conversations(string name, int count) =>
        File.WriteAllLines(
            _place[name],
            Enumerable
                .Range(0, count)
                .Select(i => $$"""{"messages":[{"role":"user","content":"问 {{i}}"},{"role":"assistant","content":"答 {{i}}"}]}""")
        );

    private void Texts(string name, int count) =>
        File.WriteAllLines(_place[name], Enumerable.Range(0, count).Select(i => $$"""{"text":"第 {{i}} 篇"}"""));

    private void Pairs(string name, int count) =>
        File.WriteAllLines(
            _place[name],
            Enumerable.Range(0, count).Select(i => $$"""{"prompt":"问 {{i}}","chosen":"好 {{i}}","rejected":"坏 {{i}}"}""")
        );
}
