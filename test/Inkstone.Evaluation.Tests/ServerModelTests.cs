using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Evaluation.Tests;

/// <summary>Models behind OpenAI's API, played by a server that answers by rule; and a judge that is such a model.</summary>
public sealed class ServerModelTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _url;
    private readonly List<(string Path, JsonNode? Body, string? Key)> _asked = [];
    private Func<string, JsonNode?, (int Status, JsonNode Body)> _answer = (_, _) => (404, new JsonObject());

    public ServerModelTests()
    {
        int port = Random.Shared.Next(20_000, 60_000);
        _url = $"http://127.0.0.1:{port}";
        _listener.Prefixes.Add(_url + "/");
        _listener.Start();
        _ = Serve();
    }

    public void Dispose() => ((IDisposable)_listener).Dispose();

    [Fact]
    public void Log_likelihoods_are_those_of_the_tokens_behind_the_context()
    {
        _answer = (path, body) =>
            path == "/v1/models" ? (200, JsonNode.Parse("""{"data": [{"id": "first"}]}""")!) : (200, Echo((string)body!["prompt"]!));
        using OpenAiClient client = new(_url, "secret");
        // Each letter is a token of log-probability −(its place); the context's last blank belongs to the continuation.
        new OpenAiModel(client, chat: false, parallel: 1)
            .LogLikelihoods([("abc ", "de"), ("abc", "d")])
            .ShouldBe([new LogLikelihood(-(3 + 4 + 5), false), new LogLikelihood(-3, false)]);
        new OpenAiModel(client, chat: false, parallel: 1).RollingLogLikelihoods(["abcd"]).ShouldBe([-(1 + 2 + 3)]);
        _asked.ShouldAllBe(a => a.Key == "Bearer secret");
        _asked[1].Body!["model"]!.GetValue<string>().ShouldBe("first");
        _answer = (_, body) => (200, Echo((string)body!["prompt"]!, -100));
        new OpenAiModel(client, chat: false).LogLikelihoods([("abc", "d")]).ShouldBe([new LogLikelihood(-3, true)]);
        _answer = (_, body) => (200, Echo((string)body!["prompt"]!, double.NaN));
        new OpenAiModel(client, chat: false).LogLikelihoods([("abc", "d")]).ShouldBe([new LogLikelihood(-3, false)]); // nobody says
        Should
            .Throw<InvalidDataException>(() => new OpenAiModel(client, chat: false).LogLikelihoods([("", "de")]))
            .Message.ShouldContain("no context");
    }

    [Fact]
    public void Texts_are_cut_at_every_stop_and_refusals_are_told()
    {
        _answer = (_, body) =>
            (
                200,
                new JsonObject
                {
                    ["choices"] = new JsonArray(
                        new JsonObject
                        {
                            ["text"] = "12\n\nQ: next",
                            ["message"] = new JsonObject { ["content"] = "chat " + body!["messages"]?[0]?["content"] },
                        }
                    ),
                }
            );
        using OpenAiClient client = new(_url + "/v1#m");
        TextSettings settings = new(["a", "b", "c", "d", "Q:"], 9, 0);
        new OpenAiModel(client, chat: false).Generate([("x", settings)]).ShouldBe(["12\n\n"]);
        _asked.Count.ShouldBe(1);
        _asked[0].Body!["stop"]!.AsArray().Count.ShouldBe(4);
        string context = OpenAiModel.Conversation([new PromptMessage("user", "hi")], true);
        new OpenAiModel(client, chat: true).Generate([(context, settings with { Until = [] })]).ShouldBe(["chat hi"]);

        _answer = (_, _) => (400, JsonNode.Parse("""{"error": {"message": "too long"}}""")!);
        Should
            .Throw<InvalidDataException>(() => new OpenAiModel(client, chat: false).Generate([("x", settings)]))
            .Message.ShouldContain("400: too long");
    }

    [Fact]
    public async Task A_busy_server_is_asked_again()
    {
        int calls = 0;
        _answer = (_, _) =>
            Interlocked.Increment(ref calls) == 1
                ? (429, new JsonObject())
                : (
                    200,
                    JsonNode.Parse(
                        """{"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 2}}"""
                    )!
                );
        using OpenAiClient client = new(_url + "#m");
        StructuredAnswer answer = await new OpenAiStructuredModel("m", client).AnswerAsync(
            new StructuredRequest("p", [], """{"type": "object"}""", 0, 1, 8, 1),
            CancellationToken.None
        );
        (answer.Text, answer.Tokens, answer.End, calls).ShouldBe(("{}", 2, "stop", 2));
        _asked[1].Body!["response_format"]!["json_schema"]!["schema"]!.ToJsonString().ShouldBe("""{"type":"object"}""");
    }

    [Fact]
    public async Task A_judge_that_loves_the_first_place_says_nothing()
    {
        AnswerPair[] pairs =
        [
            .. Enumerable.Range(0, 10).Select(i => new AnswerPair($"p{i}", "q", i < 7 ? "good" : "bad", i < 7 ? "bad" : "good")),
        ];
        IReadOnlyDictionary<string, Share> fair = JudgeRun.Summary(
            await new JudgeRun(pairs).AskAsync(new Judge(q => q.IndexOf("good") < q.IndexOf("Answer B") ? "A" : "B"), 2)
        );
        fair["score"].Value.ShouldBe(0.7, 1e-9);
        (fair["agreement"].Value, fair["first_place"].Value).ShouldBe((1, 0.5));
        fair["score"].Error.ShouldBe(Math.Sqrt(0.7 * 0.3 / 9), 1e-9);
        IReadOnlyDictionary<string, Share> biased = JudgeRun.Summary(await new JudgeRun(pairs).AskAsync(new Judge(_ => "A"), 2));
        (biased["score"].Value, biased["agreement"].Value, biased["first_place"].Value, biased["wins"].Value).ShouldBe((0.5, 0, 1, 0));
        JudgeRun.Summary(await new JudgeRun(pairs).AskAsync(new Judge(_ => "nobody"), 2))["unread"].Value.ShouldBe(1);
    }

    private static JsonObject Echo(string prompt, double best = -0.5)
    {
        string all = prompt + "!"; // one token more is made
        return new JsonObject
        {
            ["choices"] = new JsonArray(
                new JsonObject
                {
                    ["logprobs"] = new JsonObject
                    {
                        ["tokens"] = new JsonArray([.. all.Select(c => (JsonNode)c.ToString())]),
                        ["token_logprobs"] = new JsonArray([.. all.Select((_, i) => i == 0 ? null : (JsonNode)(-(double)i))]),
                        ["top_logprobs"] = new JsonArray([
                            .. all.Select(_ => (JsonNode)(double.IsNaN(best) ? [] : new JsonObject { ["x"] = best })),
                        ]),
                        ["text_offset"] = new JsonArray([.. all.Select((_, i) => (JsonNode)i)]),
                    },
                }
            ),
        };
    }

    private async Task Serve()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception)
            {
                return; // the test is over
            }
            using StreamReader reader = new(context.Request.InputStream);
            string body = await reader.ReadToEndAsync();
            JsonNode? json = body.Length == 0 ? null : JsonNode.Parse(body);
            _asked.Add((context.Request.Url!.AbsolutePath, json, context.Request.Headers["Authorization"]));
            (int status, JsonNode answer) = _answer(context.Request.Url.AbsolutePath, json);
            context.Response.StatusCode = status;
            context.Response.OutputStream.Write(Encoding.UTF8.GetBytes(answer.ToJsonString()));
            context.Response.Close();
        }
    }

    private sealed class Judge(Func<string, string> verdict) : IStructuredModel
    {
        public string Name => "judge";

        public Task<StructuredAnswer> AnswerAsync(StructuredRequest request, CancellationToken cancelled) =>
            Task.FromResult(
                new StructuredAnswer(
                    $$"""{"reason": "so", "better": "{{verdict((string)request.Messages[1]!["content"]!)}}"}""",
                    null,
                    null,
                    null
                )
            );
    }
}
