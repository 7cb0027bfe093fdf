using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.SmallWorld;

namespace Inkstone.Data.Tests;

/// <summary>InstructIE's files → conversations.</summary>
public sealed class InstructIeTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_step_adds_up_and_no_source_text_is_in_two_splits()
    {
        IeReport report = Made(12_000, "out");
        report
            .Steps.Select(s => s.Name)
            .ShouldBe(["normalise", "filter by bounds", "filter by percentiles", "tier", "derive", "split", "sample", "transcribe"]);
        report.Steps.ShouldAllBe(s => s.AddsUp);
        report.Steps[1].In.ShouldBe(report.Steps[0].Out);
        report.Steps[2].In.ShouldBe(report.Steps[1].Out);
        report.Steps[0].In.ShouldBe(12_000);
        report
            .Steps[1]
            .Parts.Keys.ShouldBe(
                ["no relations", "text is held out", "too many relations", "text too long", "head or tail too long", "text too short"],
                ignoreOrder: true
            );
        report.Conversations["train"].ShouldBe(1900);
        report.Conversations["valid"].ShouldBe(100);

        HashSet<string> train = [.. Lines("out", "train.jsonl").Select(Text)],
            valid = [.. Lines("out", "valid.jsonl").Select(Text)];
        HashSet<string> held =
        [
            .. File.ReadLines(At("raw/valid_zh.json"))
                .Concat(File.ReadLines(At("raw/test_zh.json")))
                .Select(l => (string)JsonNode.Parse(l)!["input"]!),
        ];
        train.Intersect(valid).ShouldBeEmpty();
        train.Union(valid).Intersect(held).ShouldBeEmpty();
        JsonNode.Parse(File.ReadAllText(At("out/prompts.json")))!["prompts"]!
            .AsArray()
            .ShouldAllBe(p => held.Contains((string)p!["input"]!));
    }

    [Fact]
    public void Answers_are_JSON_of_fields_that_the_prompt_shows()
    {
        Made(6000, "out");
        foreach (JsonNode line in Lines("out", "train.jsonl"))
        {
            JsonObject answer = JsonNode.Parse((string)line["messages"]![2]!["content"]!)!.AsObject();
            string prompt = (string)line["messages"]![1]!["content"]!;
            string[] fields = [.. JsonNode.Parse(prompt.Split("\nSchema: ")[1].Split('\n')[0])!.AsArray().Select(f => (string)f!)];
            answer.SelectMany(e => e.Value!.AsObject().Select(f => f.Key)).ShouldBeSubsetOf(fields);
        }
        Dictionary<string, int> topics = Lines("out", "train.jsonl")
            .Where(l => (string)l["task_type"]! == "ie_extraction")
            .GroupBy(l => (string)l["topic_schema"]!)
            .ToDictionary(g => g.Key, g => g.Count());
        topics.Count.ShouldBe(12);
        (topics.Values.Max() - topics.Values.Min()).ShouldBeLessThanOrEqualTo(1);
        topics.Keys.ShouldContain("建筑"); // the file says 建筑结构
    }

    [Fact]
    public void All_four_mistakes_are_made_and_none_is_told()
    {
        Made(6000, "out");
        JsonNode[] repairs = [.. Lines("out", "train.jsonl").Where(l => (string)l["task_type"]! == "schema_repair")];
        Dictionary<string, int> kinds = repairs.GroupBy(r => (string)r["perturbation"]!).ToDictionary(g => g.Key, g => g.Count());
        kinds.Keys.ShouldBe(["misspelt", "dropped", "invented", "extra_value"], ignoreOrder: true);
        kinds.Values.ShouldAllBe(count => count > repairs.Length / 8);
        foreach (JsonNode repair in repairs)
        {
            string prompt = (string)repair["messages"]![1]!["content"]!,
                right = (string)repair["messages"]![2]!["content"]!,
                broken = prompt.Split("\n抽取结果: ")[1];
            broken.ShouldNotBe(right);
            JsonNode.Parse(broken).ShouldNotBeNull();
            prompt.ShouldNotContain("错误类型");
            string[] told = [.. Pairs(broken)],
                wanted = [.. Pairs(right)];
            string[] more = [.. told.Except(wanted)],
                less = [.. wanted.Except(told)];
            (more.Length, less.Length > 0).ShouldBe(
                (string)repair["perturbation"]! switch
                {
                    "misspelt" => (less.Length, true),
                    "dropped" => (0, true),
                    _ => (1, false),
                },
                broken
            );
        }
    }

    [Fact]
    public void The_same_files_give_the_same_bytes_and_another_seed_others()
    {
        Made(3000, "a");
        Made(3000, "b");
        foreach (string name in (string[])["train.jsonl", "valid.jsonl", "prompts.json", "removed.jsonl", "report.json"])
        {
            File.ReadAllBytes(At($"a/{name}")).ShouldBe(File.ReadAllBytes(At($"b/{name}")), name);
        }
        Made(3000, "c", seed: 7);
        File.ReadAllBytes(At("c/train.jsonl")).ShouldNotBe(File.ReadAllBytes(At("a/train.jsonl")));
    }

    [Fact]
    public void Real_files_are_read_with_text_or_input_and_schemas_in_any_form()
    {
        Directory.CreateDirectory(At("real"));
        string record =
            """{"id": "x", "cate": "建筑结构", "text": "埃菲尔铁塔位于法国巴黎战神广场，高324米，由古斯塔夫设计。", "relation": [{"head": "埃菲尔铁塔", "head_type": "建筑", "relation": "位于", "tail": "法国巴黎战神广场", "tail_type": "地区"}, {"head": "埃菲尔铁塔", "relation": "高度", "tail": "324米"}, {"head": "埃菲尔铁塔", "relation": "建筑师", "tail": "古斯塔夫"}]}""";
        File.WriteAllText(At("real/train_zh.json"), $"[{record}]");
        File.WriteAllText(At("real/valid_zh.json"), record.Replace("text", "input").Replace("324", "325") + "\n");
        File.WriteAllText(At("real/test_zh.json"), "");
        File.WriteAllText(
            At("real/schema_zh.json"),
            """{"建筑结构": ["位于", [["建筑"], ["地区"]], "高度", [["建筑"], ["度量"]], "建筑师", [["建筑"], ["人物"]]]}"""
        );
        IeReport report = new IePipeline(IeRecipe.Read(Recipe(50), "recipe.yaml", At("real"))).Run(At("out"), false);
        report.Topics.ShouldContainKeyAndValue("建筑", report.Conversations["train"] + report.Conversations["valid"]);
        report.Shortages.ShouldNotBeEmpty();
        report.Prompts.ShouldBe(1);
        Lines("out", report.Conversations["train"] > 0 ? "train.jsonl" : "valid.jsonl")
            .Select(l => (string)l["messages"]![2]!["content"]!)
            .Distinct()
            .ShouldBe(["""{"埃菲尔铁塔": {"位于": "法国巴黎战神广场", "高度": "324米", "建筑师": "古斯塔夫"}}"""]);
    }

    [Theory]
    [InlineData("""{"filter": {"relation": [1, 2]}}""", "recipe.yaml: there is no recipe key 'filter.relation'")]
    [InlineData("""{"filter": {"relations": [5, 2]}}""", "recipe.yaml: filter.relations must be two numbers: [least, most], got [5,2]")]
    [InlineData("""{"sample": {"valid": 2}}""", "recipe.yaml: sample.valid must be a number from 0 to 0.5, got 2")]
    [InlineData("""{"sample": {"ratios": {"repair": 1}}}""", "there is no recipe key 'sample.ratios.repair'")]
    public void A_wrong_recipe_is_named(string json, string message) =>
        Should
            .Throw<InvalidDataException>(() => IeRecipe.Read(JsonNode.Parse(json)!.AsObject(), "recipe.yaml", null))
            .Message.ShouldContain(message);

    private IeReport Made(int records, string to, long seed = 42)
    {
        if (!Directory.Exists(At("raw")))
        {
            new IeGenerator(42).Write(At("raw"), records, false);
        }
        JsonObject recipe = Recipe(2000);
        recipe["seed"] = seed;
        return new IePipeline(IeRecipe.Read(recipe, "recipe.yaml", At("raw"))).Run(At(to), false);
    }

    private static JsonObject Recipe(int total) =>
        new()
        {
            ["sample"] = new JsonObject { ["total"] = total },
            ["transcribe"] = new JsonObject { ["prompts"] = 24 },
        };

    private string At(string name) => _folder[name];

    private IEnumerable<JsonNode> Lines(string folder, string file) =>
        File.ReadLines(Path.Combine(At(folder), file)).Select(l => JsonNode.Parse(l)!);

    private static string Text(JsonNode line) => ((string)line["messages"]![1]!["content"]!).Split("\n文本: ")[1].Split("\n抽取结果: ")[0];

    private static IEnumerable<string> Pairs(string json) =>
        JsonNode
            .Parse(json)!
            .AsObject()
            .SelectMany(e =>
                e.Value!.AsObject()
                    .SelectMany(f =>
                        f.Value!.GetValueKind() == JsonValueKind.Array
                            ? f.Value.AsArray().Select(v => $"{e.Key}/{f.Key}/{v}")
                            : [$"{e.Key}/{f.Key}/{f.Value}"]
                    )
            );
}
