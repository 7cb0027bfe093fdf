using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Server;

/// <summary>One check of a server.</summary>
/// <param name="Name">what was tried</param>
/// <param name="Ok">whether it holds</param>
/// <param name="Detail">what was seen</param>
/// <param name="Seconds">how long it took</param>
public sealed record SmokeCheck(string Name, bool Ok, string Detail, double Seconds);

/// <summary>Whether a server with OpenAI's API does what front ends need of it. What a model says is not judged, only its form.</summary>
public static class Smoke
{
    private const string Schema =
        """{"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"], "additionalProperties": false}""";

    /// <summary>Short, as the smallest models have contexts of 256 tokens.</summary>
    private const string Tool =
        """[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"], "additionalProperties": false}}}]""";

    /// <summary>Runs all checks.</summary>
    /// <param name="url">the server</param>
    /// <param name="key">sent as a bearer token</param>
    /// <param name="model">null: the first that the server has</param>
    /// <param name="cancelled">ends it</param>
    public static async Task<IReadOnlyList<SmokeCheck>> RunAsync(string url, string? key, string? model, CancellationToken cancelled)
    {
        using OpenAiClient client = LoadClient.Open(url, key);
        List<SmokeCheck> checks = [];
        await Check(
                "health",
                async () =>
                {
                    (int status, _) = await client.AskAsync(client.Root + "/health", null, cancelled).ConfigureAwait(false);
                    string first = await client.ModelAsync(cancelled).ConfigureAwait(false);
                    model ??= first;
                    return status is 200 or 404 ? (true, $"model {model}") : (false, $"/health answers with {status}");
                }
            )
            .ConfigureAwait(false);
        await Check("chat", async () => Said(await Ask(Body("Say hello.")).ConfigureAwait(false))).ConfigureAwait(false);
        await Check(
                "multi-turn",
                async () =>
                {
                    JsonObject body = Body("My name is Ann. What is my name?");
                    body["messages"] = JsonNode.Parse(
                        """[{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "My name is Ann."}, {"role": "assistant", "content": "Hello Ann."}, {"role": "user", "content": "What is my name?"}]"""
                    );
                    return Said(await Ask(body).ConfigureAwait(false));
                }
            )
            .ConfigureAwait(false);
        await Check(
                "structured",
                async () =>
                {
                    JsonObject body = Body("Invent a person.", 500);
                    body["response_format"] = new JsonObject
                    {
                        ["type"] = "json_schema",
                        ["json_schema"] = new JsonObject
                        {
                            ["name"] = "person",
                            ["strict"] = true,
                            ["schema"] = JsonNode.Parse(Schema),
                        },
                    };
                    string content = Content(await Ask(body).ConfigureAwait(false));
                    return
                        LoadClient.Parse(content) is { ValueKind: JsonValueKind.Object } person
                        && person.TryGetProperty("name", out JsonElement name)
                        && name.ValueKind == JsonValueKind.String
                        && person.TryGetProperty("age", out JsonElement age)
                        && age.ValueKind == JsonValueKind.Number
                        && age.TryGetInt32(out int years)
                        && years is >= 0 and <= 150
                        && person.EnumerateObject().Count() == 2
                        ? (true, content)
                        : (false, $"the schema does not accept {content}");
                }
            )
            .ConfigureAwait(false);
        await Check(
                "json mode",
                async () =>
                {
                    JsonObject body = Body("Answer with a JSON object with one key.", 300);
                    body["response_format"] = new JsonObject { ["type"] = "json_object" };
                    JsonElement answer = await Ask(body).ConfigureAwait(false);
                    string content = Content(answer);
                    // A model that goes on to the allowed number of tokens leaves a beginning, which is no fault of the server.
                    return IsObject(content) || (Finish(answer) == "length" && content.TrimStart().StartsWith('{'))
                        ? (true, content)
                        : (false, $"no JSON object: {content}");
                }
            )
            .ConfigureAwait(false);
        await Check(
                "streaming",
                async () =>
                {
                    JsonObject body = Body("Count to ten.");
                    body["stream_options"] = new JsonObject { ["include_usage"] = true };
                    Measured m = await client.MeasureAsync("chat/completions", body, cancelled).ConfigureAwait(false);
                    return m.Ok && m.Done && m.PromptTokens > 0 && m.Text.Length > 0
                        ? (true, $"{m.CompletionTokens} tokens, first after {1e3 * m.FirstSeconds:0} ms, {m.Finish}")
                        : (
                            false,
                            m.Error
                                ?? $"status {m.Status}, finish_reason {m.Finish ?? "missing"}, [DONE] {(m.Done ? "sent" : "missing")}, usage {(m.PromptTokens > 0 ? "sent" : "missing")}"
                        );
                }
            )
            .ConfigureAwait(false);
        await Check(
                "tools",
                async () =>
                {
                    JsonObject body = Body("The weather in Paris?", 100);
                    body["tools"] = JsonNode.Parse(Tool);
                    body["tool_choice"] = JsonNode.Parse("""{"type": "function", "function": {"name": "weather"}}""");
                    JsonElement answer = await Ask(body).ConfigureAwait(false);
                    JsonElement message = answer.GetProperty("choices")[0].GetProperty("message");
                    if (
                        !message.TryGetProperty("tool_calls", out JsonElement calls)
                        || calls.ValueKind != JsonValueKind.Array
                        || calls.GetArrayLength() == 0
                    )
                    {
                        return (false, "the named tool was not called");
                    }
                    JsonElement function = calls[0].GetProperty("function");
                    string arguments = function.GetProperty("arguments").GetString()!;
                    return
                        function.GetProperty("name").GetString() == "weather"
                        && LoadClient.Parse(arguments) is { ValueKind: JsonValueKind.Object } given
                        && given.TryGetProperty("city", out _)
                        ? (true, arguments)
                        : (false, $"{function.GetProperty("name").GetString()} {arguments}");
                }
            )
            .ConfigureAwait(false);
        return checks;

        async Task Check(string name, Func<Task<(bool, string)>> check)
        {
            long began = Stopwatch.GetTimestamp();
            (bool ok, string detail) result;
            try
            {
                result = await check().ConfigureAwait(false);
            }
            catch (Exception fault)
                when (fault
                        is HttpRequestException
                            or InvalidDataException
                            or KeyNotFoundException
                            or InvalidOperationException
                            or IOException
                )
            {
                if (name == "health" && fault is IOException)
                {
                    throw; // nobody is there: the address is wrong
                }
                result = (false, fault.Message);
            }
            checks.Add(new SmokeCheck(name, result.ok, result.detail, Stopwatch.GetElapsedTime(began).TotalSeconds));
        }

        JsonObject Body(string message, int maxTokens = 64) =>
            new()
            {
                ["model"] = model,
                ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = message }),
                ["max_tokens"] = maxTokens,
                ["temperature"] = 0,
            };

        async Task<JsonElement> Ask(JsonObject body)
        {
            (int status, JsonElement answer) = await client.ChatAsync(body.ToJsonString(), cancelled).ConfigureAwait(false);
            return status == 200 ? answer : throw new InvalidDataException($"status {status}: {answer}");
        }
    }

    private static bool IsObject(string text) =>
        text.TrimStart().StartsWith('{')
        && LoadClient.Parse(text) is { ValueKind: JsonValueKind.Object } json
        && (json.EnumerateObject().Any() || text.Trim().Replace(" ", "", StringComparison.Ordinal) == "{}");

    private static string Content(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString() ?? "";

    private static string? Finish(JsonElement answer) => answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString();

    private static (bool, string) Said(JsonElement answer)
    {
        string content = Content(answer);
        JsonElement message = answer.GetProperty("choices")[0].GetProperty("message");
        bool whole =
            message.GetProperty("role").GetString() == "assistant"
            && Finish(answer) is "stop" or "length"
            && answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32() > 0
            && !string.IsNullOrEmpty(answer.GetProperty("id").GetString());
        return whole && content.Trim().Length > 0
            ? (true, content.ReplaceLineEndings(" "))
            : (false, $"role, finish_reason, usage, id or content is missing: {answer}");
    }
}
