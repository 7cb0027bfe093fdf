using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Client.Tests;

/// <summary>The client against a server that answers by rule.</summary>
public sealed class OpenAiClientTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _url = $"http://127.0.0.1:{Random.Shared.Next(20_000, 60_000)}";
    private readonly List<(string Path, string Body, string? Key)> _asked = [];
    private Func<HttpListenerResponse, string> _answer = _ => "{}";

    public OpenAiClientTests()
    {
        _listener.Prefixes.Add(_url + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public void Dispose() => ((IDisposable)_listener).Dispose();

    [Theory]
    [InlineData("127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v1")]
    [InlineData("http://h:1/", "http://h:1", "http://h:1/v1")]
    [InlineData("https://h/v1/#m", "https://h", "https://h/v1")]
    [InlineData("https://h/api/paas/v4", "https://h/api/paas/v4", "https://h/api/paas/v4")]
    public void A_path_is_taken_as_it_is(string url, string root, string api)
    {
        using OpenAiClient client = new(url);
        (client.Root, client.Api).ShouldBe((root, api));
    }

    [Theory]
    [InlineData("ftp://h")]
    [InlineData("http://")]
    public void What_is_no_address_is_refused(string url) =>
        Should.Throw<ArgumentException>(() => new OpenAiClient(url)).Message.ShouldContain($"'{url}' is no address");

    [Fact]
    public async Task A_busy_server_is_asked_again_when_it_says()
    {
        int calls = 0;
        _answer = response =>
        {
            (response.StatusCode, response.Headers["Retry-After"]) = (++calls < 3 ? 503 : 200, "0");
            return """{"data": [{"id": "first"}], "said": 1}""";
        };
        using OpenAiClient client = new(_url, "secret", tries: 3);
        // With pauses of its own it would take 1.5 s.
        JsonNode said = await client.PostAsync("chat/completions", []).WaitAsync(TimeSpan.FromSeconds(1.4));
        ((int)said["said"]!, calls).ShouldBe((1, 4));
        _asked.ShouldAllBe(a => a.Key == "Bearer secret");
        (_asked[0].Path, _asked[^1].Path, _asked[^1].Body).ShouldBe(("/v1/models", "/v1/chat/completions", """{"model":"first"}"""));
    }

    [Fact]
    public async Task A_refusal_is_told_at_once()
    {
        _answer = response =>
        {
            response.StatusCode = 400;
            return """{"error": {"message": "too long"}}""";
        };
        using OpenAiClient client = new(_url + "#m");
        (await Should.ThrowAsync<InvalidDataException>(() => client.PostAsync("completions", []))).Message.ShouldContain("400: too long");
        _asked.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Slow_and_absent_servers_are_told()
    {
        _answer = _ =>
        {
            Thread.Sleep(600);
            return "{}";
        };
        using OpenAiClient client = new(_url + "#m", tries: 1, timeout: TimeSpan.FromMilliseconds(100));
        (await Should.ThrowAsync<IOException>(() => client.PostAsync("completions", []))).Message.ShouldContain("longer than 0.1 s");
        using OpenAiClient away = new("127.0.0.1:9", tries: 1);
        (await Should.ThrowAsync<IOException>(() => away.ModelAsync())).Message.ShouldContain("http://127.0.0.1:9 cannot be reached");
    }

    [Fact]
    public async Task A_stream_gives_its_events_and_other_answers_are_one_text()
    {
        _answer = response =>
        {
            response.ContentType = "text/event-stream";
            return ": waiting\n\ndata: {\"a\": 1}\n\nevent: x\ndata:{}\n\ndata: [DONE]\n\n";
        };
        using OpenAiClient client = new(_url);
        (await client.EventsAsync("completions", []).ToListAsync()).ShouldBe([(200, """{"a": 1}"""), (200, "{}"), (200, "[DONE]")]);
        _answer = response =>
        {
            response.StatusCode = 429;
            return "busy";
        };
        (await client.EventsAsync("completions", []).ToListAsync()).ShouldBe([(429, "busy")]);
        _answer = response =>
        {
            response.ContentType = "application/json";
            return "{}";
        };
        (await client.EventsAsync("completions", []).ToListAsync()).ShouldBe([(200, "{}")]);
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception fault) when (fault is HttpListenerException or ObjectDisposedException)
            {
                return; // the test is over
            }
            using StreamReader reader = new(context.Request.InputStream);
            _asked.Add((context.Request.Url!.AbsolutePath, await reader.ReadToEndAsync(), context.Request.Headers["Authorization"]));
            try
            {
                byte[] text = Encoding.UTF8.GetBytes(_answer(context.Response));
                context.Response.OutputStream.Write(text);
                context.Response.Close();
            }
            catch (HttpListenerException)
            {
                // the client has gone
            }
        }
    }
}
