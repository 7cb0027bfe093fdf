using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Tensors;

namespace Inkstone.Training.Tests;

public sealed class RewardTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = new(threads: 1);

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("exact_match: {}", " 12\n", """{"answer":"12"}""", 1.0)]
    [InlineData("exact_match: {}", "<think>it is 13</think>\n12", """{"answer":12}""", 1.0)]
    [InlineData("exact_match: {}", "It is 12", """{"answer":"12"}""", 0.0)]
    [InlineData("exact_match: {ignore_case: true, field: want}", "YES", """{"want":"yes"}""", 1.0)]
    [InlineData("exact_match: {}", "12", "{}", null)]
    [InlineData("number: {}", "so it is 1,234.", """{"answer":"work: 1 + 2\n#### 1234"}""", 1.0)]
    [InlineData("number: {}", "5-3", """{"answer":3}""", 1.0)]
    [InlineData("number: {}", "minus: -3", """{"answer":-3}""", 1.0)]
    [InlineData("number: {}", "-3", """{"answer":3}""", 0.0)]
    [InlineData("number: {}", "none", """{"answer":3}""", 0.0)]
    [InlineData("number: {}", "3", """{"answer":"none"}""", null)]
    [InlineData("number: {tolerance: 0.01}", "3.14", """{"answer":3.1416}""", 1.0)]
    [InlineData("number: {}", "答案是３，不，是 12。", """{"answer":12}""", 1.0)]
    [InlineData("number: {}", "1.5e3", """{"answer":1500}""", 1.0)]
    [InlineData("json: {}", "{\"a\": 1}", "{}", 1.0)]
    [InlineData("json: {}", "```json\n[1, 2]\n```", "{}", 1.0)]
    [InlineData("json: {}", "Here: {\"a\": 1}", "{}", 0.0)]
    [InlineData("json: {}", "{\"a\": 1, \"a\": 2}", "{}", 0.0)]
    [InlineData("json: {}", "", "{}", 0.0)]
    [InlineData(
        "json_schema: {}",
        "{\"a\": 1}",
        """{"schema":{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}}""",
        1.0
    )]
    [InlineData(
        "json_schema: {}",
        "{\"a\": \"1\"}",
        """{"schema":"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}"}""",
        0.0
    )]
    [InlineData("json_schema: {}", "[1", """{"schema":{"type":"array"}}""", 0.0)]
    [InlineData("json_schema: {}", "[1]", """{"schema":{"type":"no such type"}}""", null)]
    [InlineData("json_schema: {}", "[1]", "{}", null)]
    [InlineData("json_equals: {}", "{\"a\": 1, \"b\": [1, 3]}", """{"answer":{"a":1,"b":[1,2]}}""", 0.75)]
    [InlineData("json_equals: {}", "{\"a\": 1, \"c\": 2}", """{"answer":"{\"a\":1,\"b\":2}"}""", 1.0 / 3)]
    [InlineData("json_equals: {}", "{\"b\": 2, \"a\": 1.0}", """{"answer":{"a":1,"b":2}}""", 1.0)]
    [InlineData("json_equals: {partial: false}", "{\"a\": 1}", """{"answer":{"a":1,"b":2}}""", 0.0)]
    [InlineData("json_equals: {}", "no", """{"answer":{"a":1}}""", 0.0)]
    [InlineData("json_equals: {}", "no", """{"answer":"no json"}""", null)]
    [InlineData("format: {}", "<think>hm</think> 12", "{}", 1.0)]
    [InlineData("format: {}", "<think>hm</think> ", "{}", 0.0)]
    [InlineData("format: {}", "<think> </think> 12", "{}", 0.0)]
    [InlineData("format: {}", "12 <think>hm</think>", "{}", 0.0)]
    [InlineData("format: {}", "<think>a</think> b <think>c</think> d", "{}", 0.0)]
    [InlineData("length: {most: 5, unit: characters}", "abcde", "{}", 1.0)]
    [InlineData("length: {most: 5, unit: characters, slack: 4}", "abcdef", "{}", 0.75)]
    [InlineData("length: {least: 3, unit: characters}", "好", "{}", 0.0)]
    [InlineData("length: {least: 2, most: 2, unit: characters}", "👩‍👩‍👧好", "{}", 1.0)]
    [InlineData("repetition: {}", "a b c d e", "{}", 0.0)]
    [InlineData("repetition: {}", "no no no no no", "{}", -2.0 / 3)]
    [InlineData("repetition: {n: 2}", "好的好的好的", "{}", -0.6)]
    [InlineData("repetition: {}", "天地玄黄宇宙洪荒", "{}", 0.0)]
    [InlineData("regex: {pattern: '^\\d+$'}", "12", "{}", 1.0)]
    [InlineData("regex: {pattern: '^\\d+$'}", "twelve", "{}", 0.0)]
    public void Each_reward_says(string reward, string answer, string row, double? wanted)
    {
        double? said = Make(reward).Score([new JudgedAnswer("?", answer, JsonNode.Parse(row)!.AsObject())])[0];
        said.HasValue.ShouldBe(wanted.HasValue);
        if (wanted is { } number)
        {
            said!.Value.ShouldBe(number, 1e-12);
        }
    }

    [Fact]
    public void A_prompt_that_opens_the_thoughts_counts() =>
        Make("format: {}").Score([new JudgedAnswer("assistant\n<think>\n", "hm</think>12", [])])[0].ShouldBe(1);

    [Theory]
    [InlineData("regex: {pattern: '('}", "is no regular expression")]
    [InlineData("mine: {type: regx}", "did you mean 'regex'")]
    [InlineData("mine: {}", "mine is no kind of reward")]
    [InlineData("length: {}", "say least, most, or both")]
    [InlineData("program: {}", "command must be a list")]
    [InlineData("judge: {url: 'file:///x'}", "must be an address")]
    [InlineData("number: {fild: answer}", "did you mean 'rewards.number.field'")]
    public void A_recipe_that_cannot_be_meant_is_refused(string reward, string message) =>
        Should.Throw<InvalidDataException>(() => Make(reward)).Message.ShouldContain(message);

    [Fact]
    public void A_schema_that_is_none_is_refused()
    {
        File.WriteAllText(_directory["schema.json"], "{\"type\": ");
        Should
            .Throw<InvalidDataException>(() => Make($"json_schema: {{schema: {_directory["schema.json"]}}}"))
            .Message.ShouldContain("is no JSON Schema");
        Should.Throw<FileNotFoundException>(() => Make("json_schema: {schema: absent.json}")).Message.ShouldContain("absent.json");
        Should.Throw<FileNotFoundException>(() => Make("model: {path: absent}")).Message.ShouldContain("ink reward");
    }

    [Fact]
    public void A_program_judges_line_by_line()
    {
        using IReward reward = Program(
            "while read -r line; do case \"$line\" in *good*) echo 0.5;; *nan*) echo NaN;; *none*) echo null;; *) echo '{\"reward\": -1, \"why\": \"bad\"}';; esac; done"
        );
        for (int round = 0; round < 2; round++)
        {
            reward.Score([Says("good"), Says("bad"), Says("none")]).ShouldBe([0.5, -1, null]);
        }
        reward.Score([Says("nan")])[0]!.Value.ShouldBe(double.NaN);
    }

    [Theory]
    [InlineData("echo oops >&2; exit 3", "has ended with exit code 3 before it had judged all answers; its last words: oops")]
    [InlineData("sleep 60", "has not answered for 0.3 seconds (timeout_seconds)")]
    [InlineData("echo good", "has printed \"good\", where one line with a number, null or {\"reward\": number} is wanted")]
    [InlineData("echo '{\"score\": 1}'", "where one line with a number")]
    [InlineData("echo '\"1\"'", "where one line with a number")]
    public void A_program_that_fails_is_told_in_a_sentence(string script, string message)
    {
        using IReward reward = Program(script);
        InvalidDataException fault = Should.Throw<InvalidDataException>(() => reward.Score([Says("a")]));
        fault.Message.ShouldContain(message);
        fault.Message.ShouldContain("reward program");
    }

    [Fact]
    public void A_program_that_is_not_there_is_told_in_a_sentence() =>
        Should
            .Throw<InvalidDataException>(() => Make("program: {command: [no-such-program]}").Score([Says("a")]))
            .Message.ShouldContain("no-such-program of the reward program cannot be started");

    [Fact]
    public void A_judge_that_fails_is_counted_and_one_that_never_answers_ends_the_run()
    {
        using Server server = new(body =>
            body.Contains("broken", StringComparison.Ordinal) ? (500, "{}")
            : body.Contains("silent", StringComparison.Ordinal) ? (200, Reply("well"))
            : (200, Reply("I say: 7"))
        );
        using IReward reward = Make($"judge: {{url: '{server.Url}', retries: 1, parallel: 2}}");
        reward.Score([Says("fine"), Says("broken"), Says("silent"), Says("fine too")]).ShouldBe([0.7, null, null, 0.7]);
        reward.Failed.ShouldBe(2);
        Should.Throw<InvalidDataException>(() => reward.Score([Says("broken")])).Message.ShouldContain("answers with 500");
        using IReward away = Make("judge: {url: 'http://127.0.0.1:9/v1', retries: 0}");
        Should.Throw<InvalidDataException>(() => away.Score([Says("fine")])).Message.ShouldContain("cannot be reached");
    }

    /// <summary>Numbers that are not finite count as nothing, are counted and told once.</summary>
    [Fact]
    public void What_is_not_finite_is_counted()
    {
        List<string> warnings = [];
        NamedReward odd = new(
            "odd",
            1,
            _ => new EachReward(a =>
                a.Answer switch
                {
                    "inf" => double.PositiveInfinity,
                    "nan" => double.NaN,
                    "none" => null,
                    _ => 1,
                }
            )
        );
        using RewardPanel panel = new([odd], new RewardSetting(_device, 10, warnings.Add), TestTokenizer());
        List<MetricTerm> metrics = [];
        RolledAnswer[] answers =
        [
            .. Enumerable
                .Range(0, 4)
                .Select(_ => new RolledAnswer
                {
                    Prompt = [1],
                    Ids = [2],
                    Sampled = [0],
                    Ended = true,
                }),
        ];
        PolicyPrompt prompt = new([1], "?", []);
        double[][] scores = panel.Score([prompt, prompt, prompt, prompt], answers, ["inf", "nan", "none", "good"], metrics);
        scores.Select(s => s[0]).ShouldBe([double.NaN, double.NaN, double.NaN, 1]);
        metrics.Single(m => m.Name == "rewards/odd/not_finite").Sum.ShouldBe(2);
        warnings.ShouldHaveSingleItem().ShouldContain("2 of 4 times something that is no finite number");
    }

    internal static JudgedAnswer Says(string answer) => new("?", answer, []);

    private static Text.Tokenizer TestTokenizer()
    {
        using TemporaryDirectory place = new();
        File.WriteAllText(place["text.txt"], "a b c");
        return Text.BpeTrainer.Train(
            [place["text.txt"]],
            new Text.BpeTrainerOptions(260, Text.SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>"]),
            null,
            default
        );
    }

    private static string Reply(string content) =>
        new JsonObject
        {
            ["choices"] = new JsonArray(new JsonObject { ["message"] = new JsonObject { ["content"] = content } }),
        }.ToJsonString();

    private IReward Program(string script)
    {
        File.WriteAllText(_directory["judge.sh"], script);
        return Make(
            $"program: {{command: [sh, {_directory["judge.sh"]}], timeout_seconds: {(script.StartsWith("sleep", StringComparison.Ordinal) ? "0.3" : "20")}}}"
        );
    }

    private IReward Make(string reward)
    {
        File.WriteAllText(
            _directory["recipe.yaml"],
            $"model: {{path: m}}\ndata: {{train: d}}\nrewards:\n  {reward}\ntrain: {{steps: 1}}\nout: o\n"
        );
        return GrpoRecipe.Load(_directory["recipe.yaml"]).Rewards[0].Make(new RewardSetting(_device, 10, _ => { }));
    }

    /// <summary>A server of one route, with raw sockets.</summary>
    private sealed class Server : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Server(Func<string, (int Code, string Body)> answer)
        {
            using (TcpListener probe = new(IPAddress.Loopback, 0))
            {
                probe.Start();
                Url = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/v1";
            }
            _listener.Prefixes.Add(Url + "/");
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (_listener.IsListening)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using StreamReader reader = new(context.Request.InputStream);
                    (int code, string body) =
                        context.Request.Url!.AbsolutePath == "/v1/chat/completions" ? answer(await reader.ReadToEndAsync()) : (404, "");
                    context.Response.StatusCode = code;
                    await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
                    context.Response.Close();
                }
            });
        }

        public string Url { get; }

        public void Dispose() => ((IDisposable)_listener).Dispose();
    }
}
