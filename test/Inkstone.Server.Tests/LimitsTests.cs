using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Inference;

namespace Inkstone.Server.Tests;

/// <summary>Keys, limits, errors, clients that leave, and the end of the server.</summary>
public sealed class LimitsTests
{
    [Fact]
    public async Task A_key_opens_by_either_header_and_a_wrong_one_does_not()
    {
        await using Served served = await Served.StartAsync(new ServerOptions { ApiKeys = ["first-key", "second-key"] });
        foreach (
            (string? header, string? value, int status) in ((string?, string?, int)[])
                [
                    (null, null, 401),
                    ("Authorization", "Bearer wrong", 401),
                    ("Authorization", "Bearer ", 401),
                    ("Authorization", "Bearer first-ke", 401),
                    ("Authorization", "Bearer first-key", 200),
                    ("Authorization", "Bearer second-key", 200),
                    ("X-Api-Key", "first-key", 200),
                    ("X-Api-Key", "x", 401),
                    ("Authorization", "Bearer first-keyfirst-key", 401),
                ]
        )
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(Served.Say("<|hello|>").ToJsonString()),
            };
            if (header is not null)
            {
                request.Headers.TryAddWithoutValidation(header, value);
            }
            using HttpResponseMessage response = await served.Client.SendAsync(request);
            ((int)response.StatusCode).ShouldBe(status, $"{header}: {value}");
            if (status == 401)
            {
                JsonDocument
                    .Parse(await response.Content.ReadAsStringAsync())
                    .RootElement.GetProperty("error")
                    .GetProperty("type")
                    .GetString()
                    .ShouldBe("authentication_error");
            }
        }
        foreach (string path in (string[])["/health", "/v1/models", "/models", "/"])
        {
            (await served.Client.GetAsync(path)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        (await served.Client.GetAsync("/metrics")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Without_keys_any_key_may_come()
    {
        await using Served served = await Served.StartAsync();
        served.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk-whatever");
        await served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>"));
    }

    [Theory]
    [InlineData("{", 400)]
    [InlineData("[]", 400)]
    [InlineData("\"text\"", 400)]
    [InlineData("{\"messages\": \"string\"}", 400)]
    [InlineData("{\"messages\": [123]}", 400)]
    [InlineData("{\"messages\": [{}]}", 400)]
    [InlineData("{\"messages\": [{\"role\": 123}]}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"system\", \"content\": 123}]}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"messages\": []}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"\\ud800\"}]}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"temperature\": 1e999}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"n\": 100000}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"tool_choice\": \"required\"}", 400)]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"response_format\": {\"type\": \"sound\"}}", 400)]
    [InlineData(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"response_format\": {\"type\": \"json_object\", \"schema\": 123}}",
        400
    )]
    [InlineData(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}",
        400
    )]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": {\"url\": \"x\"}}]}]}", 400)]
    public async Task What_is_wrong_is_said_in_openais_shape(string body, int status)
    {
        await using Served served = await Served.StartAsync();
        using HttpResponseMessage response = await served.Client.PostAsync(
            "/v1/chat/completions",
            new StringContent(body, Encoding.UTF8, "text/plain")
        );
        ((int)response.StatusCode).ShouldBe(status);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        JsonElement error = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        error.EnumerateObject().Select(m => m.Name).ShouldBe(["message", "type", "param", "code"]);
        error.GetProperty("message").GetString().ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public async Task A_keyword_that_cannot_be_held_is_named()
    {
        await using Served served = await Served.StartAsync();
        JsonObject format = new()
        {
            ["type"] = "json_schema",
            ["json_schema"] = new JsonObject
            {
                ["name"] = "s",
                ["schema"] = JsonNode.Parse("""{"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}"""),
            },
        };
        (int status, JsonElement body) = await served.PostAsync("/v1/chat/completions", Served.Say("a", ("response_format", format)));
        status.ShouldBe(400);
        body.GetProperty("error").GetProperty("message").GetString()!.ShouldContain("uniqueItems");
        format["json_schema"]!["schema"] = JsonNode.Parse("""{"type": "object", "additionalProperties": [null]}""");
        (await served.PostAsync("/v1/chat/completions", Served.Say("a", ("response_format", format.DeepClone())))).Status.ShouldBe(400);
    }

    [Fact]
    public async Task A_prompt_that_does_not_fit_is_refused_with_its_size_before_a_stream_begins()
    {
        await using Served served = await Served.StartAsync(context: 64);
        foreach (bool stream in (bool[])[false, true])
        {
            (int status, JsonElement body) = await served.PostAsync(
                "/v1/chat/completions",
                Served.Say(new string('x', 200), ("stream", stream))
            );
            status.ShouldBe(400);
            JsonElement error = body.GetProperty("error");
            error.GetProperty("type").GetString().ShouldBe("exceed_context_size_error");
            error.GetProperty("n_prompt_tokens").GetInt32().ShouldBeGreaterThan(200);
            error.GetProperty("n_ctx").GetInt32().ShouldBe(64);
        }
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_413_and_an_unknown_path_404()
    {
        await using Served served = await Served.StartAsync(new ServerOptions { MaxBodyBytes = 2000 });
        (await served.PostAsync("/v1/chat/completions", Served.Say(new string('x', 4000)))).Status.ShouldBe(413);
        (await served.PostAsync("/v1/nothing", new JsonObject())).Status.ShouldBe(404);
        (await served.Client.GetAsync("/v1/chat/completions")).StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
    }

    [Fact]
    public async Task A_full_queue_is_429_and_says_when_to_come_again()
    {
        await using Served served = await Served.StartAsync(engineOptions: new EngineOptions { MaxSequences = 1, MaxWaiting = 1 });
        Task<HttpResponseMessage>[] tasks =
        [
            .. Enumerable
                .Range(0, 12)
                .Select(_ => served.Client.PostAsync("/v1/chat/completions", new StringContent(Served.Say("<|long|>").ToJsonString()))),
        ];
        HttpResponseMessage[] responses = await Task.WhenAll(tasks);
        responses.Select(r => (int)r.StatusCode).Distinct().Order().ShouldBe([200, 429]);
        foreach (HttpResponseMessage refused in responses.Where(r => (int)r.StatusCode == 429))
        {
            refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 59);
        }
    }

    [Fact]
    public async Task When_the_client_goes_its_answer_ends()
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = Served.Say("<|long|>", ("stream", true), ("ignore_eos", true), ("max_tokens", 3900));
        string text = body.ToJsonString();
        using (TcpClient client = new()) // the .NET client would read on for two seconds before it goes
        {
            await client.ConnectAsync(served.Address.Host, served.Address.Port);
            await client
                .GetStream()
                .WriteAsync(
                    Encoding.UTF8.GetBytes($"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {text.Length}\r\n\r\n{text}")
                );
            (await client.GetStream().ReadAsync(new byte[500])).ShouldBeGreaterThan(0);
        }
        await Served.Until(() => served.Engine.Statistics is { Running: 0, CacheTokensUsed: 0 });
        served.Engine.Statistics.GeneratedTokens.ShouldBeLessThan(3900);
    }

    [Fact]
    public async Task Stopping_lets_short_answers_end_and_tells_long_ones()
    {
        Served served = await Served.StartAsync(
            new ServerOptions { DrainTime = TimeSpan.FromSeconds(0.3) },
            scripts: new Dictionary<string, string[]>
            {
                ["short"] = ["ab", "cd"],
                ["ever"] = [.. Enumerable.Range(0, 3000).Select(i => $"w{i} ")],
            }
        );
        JsonObject body = Served.Say("<|ever|>", ("stream", true), ("ignore_eos", true));
        Task<(string Text, bool Cut)>[] streams = [.. Enumerable.Range(0, 4).Select(_ => ReadAsync(served, body))];
        await Served.Until(() => served.Engine.Statistics is { Running: 4 });
        long began = Environment.TickCount64;
        await served.DisposeAsync();
        foreach ((string text, bool cut) in await Task.WhenAll(streams))
        {
            (
                text.Contains("[DONE]", StringComparison.Ordinal) || (text.Contains("shutting down", StringComparison.Ordinal) && cut)
            ).ShouldBeTrue(text.Length > 300 ? text[^300..] : text);
        }
        (Environment.TickCount64 - began).ShouldBeLessThan(5000);
    }

    [Fact]
    public async Task Pages_of_listed_origins_are_let_in_and_others_not()
    {
        await using Served served = await Served.StartAsync(new ServerOptions { Origins = ["https://web.example.org"] });
        foreach ((string origin, bool let) in ((string, bool)[])[("https://web.example.org", true), ("https://other.example.org", false)])
        {
            using HttpRequestMessage asked = new(HttpMethod.Options, "/v1/chat/completions");
            asked.Headers.Add("Origin", origin);
            asked.Headers.Add("Access-Control-Request-Method", "POST");
            asked.Headers.Add("Access-Control-Request-Headers", "authorization");
            using HttpResponseMessage answer = await served.Client.SendAsync(asked);
            answer.Headers.Contains("Access-Control-Allow-Origin").ShouldBe(let);
            if (let)
            {
                answer.Headers.GetValues("Access-Control-Allow-Methods").ShouldBe(["GET, POST"]);
                answer.Headers.GetValues("Access-Control-Allow-Credentials").ShouldBe(["true"]);
            }
        }
    }

    [Fact]
    public async Task Requests_have_ids_that_clients_may_give()
    {
        await using Served served = await Served.StartAsync();
        (await served.Client.GetAsync("/health")).Headers.GetValues("x-request-id").Single().ShouldStartWith("req_");
        using HttpRequestMessage request = new(HttpMethod.Get, "/health");
        request.Headers.Add("x-request-id", "mine-1");
        (await served.Client.SendAsync(request)).Headers.GetValues("x-request-id").ShouldBe(["mine-1"]);
    }

    [Fact]
    public async Task An_answer_that_takes_too_long_is_ended_with_a_word()
    {
        await using Served served = await Served.StartAsync(new ServerOptions { RequestTimeout = TimeSpan.FromMilliseconds(60) });
        (int status, JsonElement body) = await served.PostAsync("/v1/chat/completions", Served.Say("<|long|>", ("ignore_eos", true)));
        status.ShouldBe(504);
        body.GetProperty("error").GetProperty("message").GetString()!.ShouldContain("longer than");
    }

    private static async Task<(string, bool)> ReadAsync(Served served, JsonObject body)
    {
        using HttpClient client = new() { BaseAddress = served.Address };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(body.ToJsonString()),
        };
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        StringBuilder text = new();
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                text.AppendLine(line);
            }
            return (text.ToString(), false);
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            return (text.ToString(), true);
        }
    }
}
