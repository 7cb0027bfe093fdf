using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>A client of any server with OpenAI's API that measures what it gets from the stream itself.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;

    /// <param name="url">the server, with or without /v1</param>
    /// <param name="key">sent as a bearer token</param>
    public ApiClient(string url, string? key)
    {
        if (
            !Uri.TryCreate(url.Contains("://", StringComparison.Ordinal) ? url : "http://" + url, UriKind.Absolute, out Uri? address)
            || address.Scheme is not ("http" or "https")
        )
        {
            throw new ArgumentException($"URL must be the address of a server, such as http://127.0.0.1:8080, it is '{url}'");
        }
        string root = address.GetLeftPart(UriPartial.Path).TrimEnd('/');
        Root = root.EndsWith("/v1", StringComparison.Ordinal) ? root[..^3] : root;
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 4096, UseProxy = false })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    public string Root { get; }

    /// <summary>The first model that the server has.</summary>
    public async Task<string> ModelAsync(CancellationToken cancelled)
    {
        (int status, JsonElement body) = await GetAsync("/v1/models", cancelled).ConfigureAwait(false);
        return
            status == 200
            && body.TryGetProperty("data", out JsonElement data)
            && data.ValueKind == JsonValueKind.Array
            && data.GetArrayLength() > 0
            ? data[0].GetProperty("id").GetString()!
            : throw new InvalidDataException($"{Root}/v1/models answers with {status} and no model; is it a server with OpenAI's API?");
    }

    /// <summary>Tokens of the model's context, where the server tells it (Inkstone and vLLM do).</summary>
    public async Task<int?> ContextAsync(string model, CancellationToken cancelled)
    {
        (int status, JsonElement body) = await GetAsync("/v1/models", cancelled).ConfigureAwait(false);
        return
            status == 200
            && body.TryGetProperty("data", out JsonElement data)
            && data.EnumerateArray().FirstOrDefault(m => m.GetProperty("id").GetString() == model)
                is { ValueKind: JsonValueKind.Object } found
            && found.TryGetProperty("max_model_len", out JsonElement length)
            && length.ValueKind == JsonValueKind.Number
            ? length.GetInt32()
            : null;
    }

    public async Task<(int Status, JsonElement Body)> GetAsync(string path, CancellationToken cancelled)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(Root + path, cancelled).ConfigureAwait(false);
            return ((int)response.StatusCode, Parse(await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false)));
        }
        catch (HttpRequestException fault)
        {
            throw new IOException($"{Root} cannot be reached: {fault.Message}; check the address, and that the server runs", fault);
        }
    }

    /// <summary>The text at a path, or null where there is none.</summary>
    public async Task<string?> TextAsync(string path, CancellationToken cancelled)
    {
        using HttpResponseMessage response = await _http.GetAsync(Root + path, cancelled).ConfigureAwait(false);
        return response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false) : null;
    }

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, string body, CancellationToken cancelled)
    {
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _http.PostAsync(Root + path, content, cancelled).ConfigureAwait(false);
        return ((int)response.StatusCode, Parse(await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false)));
    }

    /// <summary>Streams an answer; <paramref name="leaveAfter"/> chunks the client goes away.</summary>
    public async Task<Measured> StreamAsync(string path, JsonObject body, CancellationToken cancelled, int leaveAfter = int.MaxValue)
    {
        body["stream"] = true;
        Measured m = new();
        long began = Stopwatch.GetTimestamp();
        using HttpRequestMessage request = new(HttpMethod.Post, Root + path)
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage response = await _http
            .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancelled)
            .ConfigureAwait(false);
        m.Status = (int)response.StatusCode;
        if (!response.IsSuccessStatusCode)
        {
            m.Error = await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false);
            return m;
        }
        using Stream stream = await response.Content.ReadAsStreamAsync(cancelled).ConfigureAwait(false);
        using StreamReader lines = new(stream);
        long last = began;
        int chunks = 0;
        while (await lines.ReadLineAsync(cancelled).ConfigureAwait(false) is { } line)
        {
            if (!line.StartsWith("data:", StringComparison.Ordinal))
            {
                continue;
            }
            string data = line[5..].Trim();
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

    public void Dispose() => _http.Dispose();

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

/// <summary>One streamed answer as its client saw it.</summary>
internal sealed class Measured
{
    public int Status { get; set; }

    public string? Error { get; set; }

    public double FirstSeconds { get; set; }

    public double TotalSeconds { get; set; }

    public List<double> Gaps { get; } = [];

    public int PromptTokens { get; set; }

    public int CompletionTokens { get; set; }

    public string? Finish { get; set; }

    public bool Done { get; set; }

    /// <summary>The client went away on purpose.</summary>
    public bool Left { get; set; }

    public StringBuilder Text { get; } = new();

    public bool Ok => Status == 200 && Error is null && (Finish is not null || Left);
}
