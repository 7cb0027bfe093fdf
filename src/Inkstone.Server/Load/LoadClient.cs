using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Server;

/// <summary>What load asks of a server beside a client's questions: each is asked once, and streams are measured as they come.</summary>
internal static class LoadClient
{
    public static OpenAiClient Open(string url, string? key) => new(url, key, tries: 1, timeout: Timeout.InfiniteTimeSpan);

    /// <summary>Tokens of the model's context, where the server tells it (Inkstone and vLLM do).</summary>
    public static async Task<int?> ContextAsync(this OpenAiClient client, string model, CancellationToken cancelled)
    {
        (int status, string text) = await client.AskAsync(client.Api + "/models", null, cancelled).ConfigureAwait(false);
        return
            status == 200
            && Parse(text).TryGetProperty("data", out JsonElement data)
            && data.EnumerateArray().FirstOrDefault(m => m.GetProperty("id").GetString() == model)
                is { ValueKind: JsonValueKind.Object } found
            && found.TryGetProperty("max_model_len", out JsonElement length)
            && length.ValueKind == JsonValueKind.Number
            ? length.GetInt32()
            : null;
    }

    /// <summary>Posts to chat/completions, whatever the body is.</summary>
    public static async Task<(int Status, JsonElement Body)> ChatAsync(this OpenAiClient client, string body, CancellationToken cancelled)
    {
        (int status, string text) = await client.AskAsync(client.Api + "/chat/completions", body, cancelled).ConfigureAwait(false);
        return (status, Parse(text));
    }

    /// <summary>Streams an answer; <paramref name="leaveAfter"/> chunks the client goes away.</summary>
    public static async Task<Measured> MeasureAsync(
        this OpenAiClient client,
        string path,
        JsonObject body,
        CancellationToken cancelled,
        int leaveAfter = int.MaxValue
    )
    {
        body["stream"] = true;
        Measured m = new();
        long began = Stopwatch.GetTimestamp();
        long last = began;
        int chunks = 0;
        await foreach ((int status, string data) in client.EventsAsync(path, body, cancelled).ConfigureAwait(false))
        {
            m.Status = status;
            if (status != 200)
            {
                m.Error = data;
                return m;
            }
            if (data == "[DONE]")
            {
                m.Done = true;
                continue;
            }
            JsonElement part = Parse(data);
            if (part.TryGetProperty("error", out JsonElement error))
            {
                m.Error = error.ToString();
                break;
            }
            if (part.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object)
            {
                (m.PromptTokens, m.CompletionTokens) = (
                    usage.GetProperty("prompt_tokens").GetInt32(),
                    usage.GetProperty("completion_tokens").GetInt32()
                );
            }
            if (Said(part, m))
            {
                long now = Stopwatch.GetTimestamp();
                double gap = Stopwatch.GetElapsedTime(last, now).TotalSeconds;
                if (chunks++ == 0)
                {
                    m.FirstSeconds = gap;
                }
                else
                {
                    m.Gaps.Add(gap);
                }
                last = now;
                if (chunks >= leaveAfter)
                {
                    m.Left = true;
                    break;
                }
            }
        }
        m.TotalSeconds = Stopwatch.GetElapsedTime(began, chunks > 0 ? last : Stopwatch.GetTimestamp()).TotalSeconds;
        m.CompletionTokens = m.CompletionTokens > 0 ? m.CompletionTokens : chunks;
        return m;
    }

    /// <summary>Whether a chunk says something: text, thought or a part of a call.</summary>
    private static bool Said(JsonElement part, Measured m)
    {
        if (
            !part.TryGetProperty("choices", out JsonElement choices)
            || choices.ValueKind != JsonValueKind.Array
            || choices.GetArrayLength() == 0
        )
        {
            return false;
        }
        JsonElement choice = choices[0];
        if (choice.TryGetProperty("finish_reason", out JsonElement finish) && finish.ValueKind == JsonValueKind.String)
        {
            m.Finish = finish.GetString();
        }
        JsonElement holder = choice.TryGetProperty("delta", out JsonElement delta) ? delta : choice;
        bool said = false;
        foreach (string key in (string[])["content", "text", "reasoning_content"])
        {
            if (holder.TryGetProperty(key, out JsonElement text) && text.ValueKind == JsonValueKind.String && text.GetString()!.Length > 0)
            {
                said = true;
                m.Text.Append(text.GetString());
            }
        }
        return said || holder.TryGetProperty("tool_calls", out _);
    }

    public static JsonElement Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            using JsonDocument none = JsonDocument.Parse("{}");
            return none.RootElement.Clone();
        }
    }
}
