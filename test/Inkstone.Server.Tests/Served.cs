using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;

namespace Inkstone.Server.Tests;

/// <summary>A server on a free port with a scripted model behind it.</summary>
internal sealed class Served : IAsyncDisposable
{
    private readonly ScriptedModel _scripted;

    private Served(ScriptedModel scripted, AsyncEngine engine, InkServer server) =>
        (_scripted, Engine, Server) = (scripted, engine, server);

    public AsyncEngine Engine { get; }

    public InkServer Server { get; }

    public Uri Address => Server.Address();

    public HttpClient Client { get; private init; } = null!;

    public static async Task<Served> StartAsync(
        ServerOptions? options = null,
        EngineOptions? engineOptions = null,
        IReadOnlyDictionary<string, string[]>? scripts = null,
        string form = "<tool_call>",
        int context = 4096
    )
    {
        ScriptedModel scripted = new(scripts ?? ScriptedModel.Scripts, form, context);
        AsyncEngine engine = new(scripted.Model, scripted.Tokenizer, (engineOptions ?? new()) with { CacheTokens = 16384 });
        InkServer server = new(new ChatModel(engine), (options ?? new()) with { Port = 0, Quiet = true, ModelName = "scripted" });
        await server.StartAsync();
        return new Served(scripted, engine, server) { Client = new HttpClient { BaseAddress = server.Address() } };
    }

    /// <summary>A conversation of one message.</summary>
    public static JsonObject Say(string content, params (string Key, JsonNode? Value)[] more)
    {
        JsonObject body = new()
        {
            ["model"] = "scripted",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }),
            ["temperature"] = 0,
        };
        foreach ((string key, JsonNode? value) in more)
        {
            body[key] = value;
        }
        return body;
    }

    public static JsonArray Tools(params string[] names) =>
        [
            .. names.Select(
                JsonNode (name) =>
                    new JsonObject
                    {
                        ["type"] = "function",
                        ["function"] = new JsonObject
                        {
                            ["name"] = name,
                            ["description"] = $"does {name}",
                            ["parameters"] = JsonNode.Parse(
                                """{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "title": "t", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"], "additionalProperties": false}"""
                            ),
                            ["strict"] = true,
                        },
                    }
            ),
        ];

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, JsonNode body)
    {
        using HttpResponseMessage response = await Client.PostAsync(
            path,
            new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json")
        );
        return ((int)response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public async Task<JsonElement> OkAsync(string path, JsonNode body)
    {
        (int status, JsonElement answer) = await PostAsync(path, body);
        status.ShouldBe(200, answer.ToString());
        return answer;
    }

    /// <summary>The events of a stream as they came, each with its lines.</summary>
    public async Task<(string Raw, List<JsonElement> Events)> StreamAsync(string path, JsonNode body)
    {
        body = body.DeepClone();
        body["stream"] = true;
        using HttpResponseMessage response = await Client.PostAsync(
            path,
            new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json")
        );
        string raw = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).ShouldBe(200, raw);
        return (
            raw,
            [
                .. raw.Split('\n')
                    .Where(l => l.StartsWith("data: {", StringComparison.Ordinal))
                    .Select(l => JsonDocument.Parse(l["data: ".Length..]).RootElement),
            ]
        );
    }

    /// <summary>Waits, at most 20 seconds, for what the server comes to by itself.</summary>
    public static async Task Until(Func<bool> holds)
    {
        for (int i = 0; i < 1000 && !holds(); i++)
        {
            await Task.Delay(20);
        }
        holds().ShouldBeTrue();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.StopAsync();
        await Server.DisposeAsync();
        await Engine.DisposeAsync();
        _scripted.Dispose();
    }
}
