using System.Text.Json.Nodes;

namespace Inkstone.Evaluation.Tests;

/// <summary>Structured answers: MicroLM's published table from its raw answers, and our verdicts beside it.</summary>
public sealed class StructuredTests
{
    private static readonly StructuredPrompt Asked = new(
        "p",
        "extraction",
        "抽取信息。",
        ["位于", "面积", "用途"],
        "西湖位于杭州，面积6平方公里。",
        ["位于", "面积"],
        ["位于", "面积", "用途"],
        new Dictionary<string, string> { ["位于"] = "string_or_list", ["面积"] = "string" },
        new Dictionary<string, IReadOnlyList<string>> { ["用途"] = ["住宅", "商业"] },
        JsonNode.Parse("""{"西湖": {"位于": "杭州", "面积": "6平方公里"}}""")!.AsObject()
    );

    [GoldenTheory("data/instructie")]
    [InlineData("qwen_base")]
    [InlineData("qwen_lora")]
    [InlineData("microlm_sft")]
    [InlineData("microlm_lora")]
    public void MicroLms_published_summary_comes_out_of_its_raw_answers(string model)
    {
        StructuredPromptFile file = File();
        IReadOnlyDictionary<string, StructuredAnswer> answers = RecordedStructuredAnswers.Read(
            Goldens.Shared($"data/instructie/raw_outputs/{model}.json"),
            file.Prompts
        );
        JsonObject ours = Table(model, file, p => answers[p.Id]).Json()["microlm_rules"]!.AsObject();
        JsonNode published = JsonNode.Parse(System.IO.File.ReadAllText(Goldens.Shared("data/instructie/by_model.json")))![model]!;
        ours.Count.ShouldBe(9);
        foreach ((string name, JsonNode? value) in ours)
        {
            Number(value!).ShouldBe(Number(published[name]!), name);
        }
    }

    [GoldenFact("data/instructie")]
    public void Right_answers_are_right_in_everything()
    {
        StructuredPromptFile file = File();
        StructuredTable table = Table("gold", file, p => new StructuredAnswer(p.Gold!.ToJsonString(), null, null, null));
        table
            .Shares.Where(s => s.Value.Count > 0)
            .ShouldAllBe(s =>
                s.Value.Value == (s.Key.StartsWith("missing") || s.Key.StartsWith("hallucination") || s.Key == "cut" ? 0 : 1)
            );
        table.Shares["strict"].Count.ShouldBe(40);
        table.Pairs.F1.ShouldBe(1);
    }

    [GoldenFact("data/instructie")]
    public void Every_difference_to_the_published_verdicts_has_a_reason()
    {
        StructuredPromptFile file = File();
        IReadOnlyDictionary<string, StructuredAnswer> answers = RecordedStructuredAnswers.Read(
            Goldens.Shared("data/instructie/raw_outputs/qwen_base.json"),
            file.Prompts
        );
        StructuredTable table = Table("qwen_base", file, p => answers[p.Id]);
        table
            .Differences.GroupBy(d => d.Metric)
            .ToDictionary(g => g.Key, g => g.Count())
            .ShouldBe(
                new Dictionary<string, int>
                {
                    ["hallucination"] = 4,
                    ["missing"] = 5,
                    ["strict"] = 1,
                },
                ignoreOrder: true
            );
        table.Json()["strict_by_prompt"]!["schema_hidden"]!["n"]!.GetValue<int>().ShouldBe(31);
        table.Json()["strict_by_prompt"]!["schema_shown"]!["value"]!.GetValue<double>().ShouldBe(3 / 9.0, 1e-6);
        table.Shares["strict"].Error.ShouldBe(Math.Sqrt(3 / 40.0 * (37 / 40.0) / 39), 1e-9);
    }

    [Theory]
    [InlineData("""{"西湖": {"位于": "杭州", "面积": "6平方公里"}}""", "", "", "", "", true)]
    [InlineData("```json\n{\"西湖\": {\"位于\": [\"杭州\"], \"面积\": \"6\"}}\n```", "", "", "", "", true)]
    [InlineData("""{"位于": "杭州", "面积": "6平方公里"}""", "", "", "", "", true)] // flat
    [InlineData("""{"位于": "杭州", "面积": "6", "水深": "2米"}""", "", "水深", "", "", false)] // which MicroLM lets pass
    [InlineData("""[{"位于": "杭州"}, {"面积": "6"}]""", "", "", "", "", false)] // all there, but a list
    [InlineData("""{"西湖": {"位于": "", "面积": "6"}}""", "位于", "", "", "", false)] // nothing is no value
    [InlineData("""{"西湖": {"位于": {"省": "浙江"}, "面积": "6"}}""", "", "", "位于", "", false)]
    [InlineData("""{"西湖": {"位于": "杭州", "面积": ["6"]}}""", "", "", "面积", "", false)]
    [InlineData("""{"西湖": {"位于": "杭州", "面积": "6", "用途": ["商业", "游览"]}}""", "", "", "", "用途", false)]
    [InlineData("杭州", "位于,面积", "", "", "", false)]
    public void Fields_are_looked_for_wherever_they_stand(
        string answer,
        string missing,
        string extra,
        string types,
        string values,
        bool strict
    )
    {
        StructuredScore score = StructuredScore.Compute(Asked, answer, FieldAliases.Default);
        string.Join(',', score.Missing).ShouldBe(missing);
        string.Join(',', score.Extra).ShouldBe(extra);
        string.Join(',', score.WrongTypes).ShouldBe(types);
        string.Join(',', score.WrongValues).ShouldBe(values);
        score.Strict.ShouldBe(strict);
    }

    [Fact]
    public void Other_names_count_only_where_their_field_is_allowed()
    {
        StructuredScore score = StructuredScore.Compute(
            Asked,
            """{"西湖": {"所在地": "杭州", "面积": "6", "又名": "西子湖"}}""",
            FieldAliases.Default
        );
        (score.Strict, score.MissingByAlias, score.ExtraByAlias).ShouldBe((false, false, true));
        StructuredScore.Compute(Asked, """{"西湖": {"所在地": "杭州", "面积": "6"}}""", FieldAliases.Default).StrictByAlias.ShouldBeTrue();
    }

    [Fact]
    public void Values_are_compared_as_sets_and_pairs_are_counted()
    {
        StructuredScore score = StructuredScore.Compute(
            Asked,
            """{"西湖": {"面积": "6平方公里", "位于": ["杭州", "浙江"]}}""",
            FieldAliases.Default
        );
        score.ValueMatch.ShouldBe(0.5);
        score.Pairs.ShouldBe((3, 2, 2));
    }

    [Fact]
    public void The_prompt_shows_the_schema_and_the_guide_does_not_tell_what_is_required()
    {
        Asked.Text.ShouldBe("抽取信息。\nSchema: [\"位于\", \"面积\", \"用途\"]\n文本: 西湖位于杭州，面积6平方公里。");
        JsonNode inner = JsonNode.Parse(Asked.JsonSchema())!["additionalProperties"]!;
        inner["properties"]!.AsObject().Select(p => p.Key).ShouldBe(["位于", "面积", "用途"]);
        inner["required"].ShouldBeNull();
        inner["additionalProperties"]!.GetValue<bool>().ShouldBeFalse();
    }

    [Fact]
    public async Task An_interrupted_run_asks_only_what_is_open()
    {
        string directory = Directory.CreateTempSubdirectory("inkstone-").FullName;
        try
        {
            StructuredPromptFile file = new("", 0, 1, 64, 1, [.. Enumerable.Range(0, 20).Select(i => Asked with { Id = $"p{i}" })]);
            Counted model = new() { StopAt = 7 };
            using (AnswerLog log = new(directory))
            {
                await Should.ThrowAsync<InvalidDataException>(() => new StructuredRun(file, false).AskAsync(model, 1, log));
            }
            System.IO.File.AppendAllText(Path.Combine(directory, AnswerLog.FileName), "{\"id\": \"cut");
            model.StopAt = int.MaxValue;
            using (AnswerLog log = new(directory))
            {
                (await new StructuredRun(file, false).AskAsync(model, 4, log))
                    .Select(a => a.Text)
                    .ShouldBe(file.Prompts.Select(p => $"answer to {p.Id}"));
                model.Calls.ShouldBe(7 + 1 + 13);
                await new StructuredRun(file with { MaxTokens = 65 }, false).AskAsync(model, 4, log); // another question
                model.Calls.ShouldBe(41);
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static double Number(JsonNode value) => double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);

    private static StructuredPromptFile File() => StructuredPromptFile.Read(Goldens.Shared("data/instructie/prompts_instructie.json"));

    private static StructuredTable Table(string model, StructuredPromptFile file, Func<StructuredPrompt, StructuredAnswer> answer) =>
        new(model, false, file.Prompts, [.. file.Prompts.Select(answer)], FieldAliases.Default);

    private sealed class Counted : IStructuredModel
    {
        private int _calls;

        public int StopAt { get; set; }

        public int Calls => _calls;

        public string Name => "counted";

        public Task<StructuredAnswer> AnswerAsync(StructuredRequest request, CancellationToken cancelled) =>
            Interlocked.Increment(ref _calls) > StopAt
                ? throw new InvalidDataException("stop")
                : Task.FromResult(new StructuredAnswer($"answer to {request.Id}", 0.1, 3, "stop"));
    }
}
