using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Server;

/// <summary>Long load of every kind on a server: whole and streamed answers, structured ones, clients that go away, bodies that are no
/// JSON, prompts that are too long.</summary>
public static class Soak
{
    private const string Schema =
        """{"type": "object", "properties": {"city": {"type": "string", "maxLength": 16}, "count": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["city", "count"], "additionalProperties": false}""";

    /// <summary>Runs it.</summary>
    /// <param name="url">the server</param>
    /// <param name="key">sent as a bearer token</param>
    /// <param name="model">null: the first that the server has</param>
    /// <param name="time">how long</param>
    /// <param name="streams">clients at once</param>
    /// <param name="progress">told requests and faults so far</param>
    /// <param name="cancelled">ends it early; what was seen is told</param>
    public static async Task<SoakResult> RunAsync(
        string url,
        string? key,
        string? model,
        TimeSpan time,
        int streams,
        Action<long, long> progress,
        CancellationToken cancelled
    )
    {
        using OpenAiClient client = LoadClient.Open(url, key);
        model ??= await client.ModelAsync(cancelled).ConfigureAwait(false);
        // A word is a token at least.
        int tooMany = await client.ContextAsync(model, cancelled).ConfigureAwait(false) ?? 240_000;
        SoakResult result = new();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        end.CancelAfter(time);
        long began = Stopwatch.GetTimestamp();
        Task watching = Task.Run(
            async () =>
            {
                while (!end.IsCancellationRequested)
                {
                    if (await MetricAsync(client, "inkstone_memory_bytes").ConfigureAwait(false) is { } bytes)
                    {
                        result.Memory(Stopwatch.GetElapsedTime(began) / time, bytes);
                    }
                    progress(result.Requests, result.Faults);
                    await Task.Delay(TimeSpan.FromSeconds(Math.Clamp(time.TotalSeconds / 60, 0.5, 10)), CancellationToken.None)
                        .ConfigureAwait(false);
                }
            },
            CancellationToken.None
        );
        await Task.WhenAll(
                Enumerable
                    .Range(0, streams)
                    .Select(lane =>
                        Task.Run(
                            async () =>
                            {
                                Random random = new(lane);
                                while (!end.IsCancellationRequested)
                                {
                                    string kind = Kinds[random.Next(Kinds.Length)];
                                    try
                                    {
                                        await RequestAsync(
                                                client,
                                                model,
                                                kind,
                                                tooMany,
                                                random,
                                                result,
                                                Stopwatch.GetElapsedTime(began) / time
                                            )
                                            .ConfigureAwait(false);
                                    }
                                    catch (Exception fault)
                                        when (fault
                                                is HttpRequestException
                                                    or IOException
                                                    or InvalidOperationException
                                                    or KeyNotFoundException
                                        )
                                    {
                                        result.Count(kind, false, fault.Message);
                                    }
                                }
                            },
                            CancellationToken.None
                        )
                    )
            )
            .ConfigureAwait(false);
        await watching.ConfigureAwait(false);
        // What clients left behind is gone a moment later.
        for (int i = 0; i < 50 && (result.Left = await MetricAsync(client, "inkstone_requests_running").ConfigureAwait(false)) > 0; i++)
        {
            await Task.Delay(100, CancellationToken.None).ConfigureAwait(false);
        }
        result.CacheLeft = await MetricAsync(client, "inkstone_cache_tokens_used").ConfigureAwait(false);
        (result.Seconds, result.Streams) = (Stopwatch.GetElapsedTime(began).TotalSeconds, streams);
        return result;
    }

    private static readonly string[] Kinds =
    [
        "stream",
        "stream",
        "stream",
        "stream",
        "whole",
        "structured",
        "structured",
        "leave",
        "leave",
        "malformed",
        "oversized",
    ];

    private static async Task RequestAsync(
        OpenAiClient client,
        string model,
        string kind,
        int tooMany,
        Random random,
        SoakResult result,
        double at
    )
    {
        JsonObject body = new()
        {
            ["model"] = model,
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = $"Tell me about the number {random.Next(1000)}." }
            ),
            ["max_tokens"] = random.Next(8, 48),
            ["temperature"] = 0.8,
            ["seed"] = random.Next(),
        };
        switch (kind)
        {
            case "stream":
                Measured m = await client.MeasureAsync("chat/completions", body, CancellationToken.None).ConfigureAwait(false);
                result.Count(kind, m.Ok && m.Done, m.Error ?? $"status {m.Status}, finish_reason {m.Finish}");
                if (m.Ok)
                {
                    result.Latency(at, m.FirstSeconds, m.Gaps.Count > 0 ? m.Gaps.Average() : 0);
                }
                break;
            case "leave":
                Measured left = await client
                    .MeasureAsync("chat/completions", body, CancellationToken.None, leaveAfter: random.Next(1, 5))
                    .ConfigureAwait(false);
                result.Count(kind, left.Status == 200 && left.Error is null, left.Error ?? $"status {left.Status}");
                break;
            case "whole":
                result.Count(kind, await StatusAsync(body.ToJsonString()).ConfigureAwait(false) == 200, "a status other than 200");
                break;
            case "structured":
                body["response_format"] = new JsonObject
                {
                    ["type"] = "json_schema",
                    ["json_schema"] = new JsonObject { ["name"] = "s", ["schema"] = JsonNode.Parse(Schema) },
                };
                body["max_tokens"] = 300;
                (int status, JsonElement answer) = await client
                    .ChatAsync(body.ToJsonString(), CancellationToken.None)
                    .ConfigureAwait(false);
                result.Count(kind, status == 200, $"status {status}: {answer}");
                if (status == 200)
                {
                    JsonElement choice = answer.GetProperty("choices")[0];
                    result.Structured(
                        choice.GetProperty("finish_reason").GetString() == "length"
                            ? null
                            : IsValid(choice.GetProperty("message").GetProperty("content").GetString() ?? "")
                    );
                }
                break;
            case "malformed":
                string text = body.ToJsonString();
                int wrong = await StatusAsync(
                        random.Next(3) switch
                        {
                            0 => text[..random.Next(1, text.Length)],
                            1 => text.Replace("\"messages\":[", "\"messages\":[7,", StringComparison.Ordinal),
                            _ => text.Replace("\"temperature\":0.8", "\"temperature\":\"hot\"", StringComparison.Ordinal),
                        }
                    )
                    .ConfigureAwait(false);
                result.Count(kind, wrong == 400, $"status {wrong} where 400 is right");
                break;
            default:
                body["messages"]![0]!["content"] = string.Concat(Enumerable.Repeat("too long a story ", 1 + (tooMany / 4)));
                int refused = await StatusAsync(body.ToJsonString()).ConfigureAwait(false);
                result.Count(kind, refused is 400 or 413, $"status {refused} where 400 or 413 is right");
                break;
        }

        async Task<int> StatusAsync(string text) => (await client.ChatAsync(text, CancellationToken.None).ConfigureAwait(false)).Status;
    }

    private static bool IsValid(string content) =>
        LoadClient.Parse(content) is { ValueKind: JsonValueKind.Object } json
        && json.EnumerateObject().Count() == 2
        && json.TryGetProperty("city", out JsonElement city)
        && city.ValueKind == JsonValueKind.String
        && city.GetString()!.EnumerateRunes().Count() <= 16
        && json.TryGetProperty("count", out JsonElement count)
        && count.ValueKind == JsonValueKind.Number
        && count.TryGetInt32(out int n)
        && n is >= 0 and <= 9;

    /// <summary>A figure of an Inkstone server; null of others.</summary>
    private static async Task<long?> MetricAsync(OpenAiClient client, string name)
    {
        try
        {
            (int status, string text) = await client.AskAsync(client.Root + "/metrics", null, CancellationToken.None).ConfigureAwait(false);
            string? line = text.Split('\n').FirstOrDefault(l => l.StartsWith(name + " ", StringComparison.Ordinal));
            return status != 200 || line is null ? null : (long)double.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
