using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Client;

/// <summary>A server with OpenAI's API. <see cref="PostAsync"/> tries again what fails for a while (status 429 and 5xx, a lost connection, a
/// time-out), with longer and longer pauses or those that the server asks for; <see cref="AskAsync"/> and <see cref="EventsAsync"/> ask once
/// and tell what came.</summary>
public sealed class OpenAiClient : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http;
    private readonly int _tries;
    private string? _model;

    /// <summary>Over an address; nothing is asked yet.</summary>
    /// <param name="url">HOST:PORT or http://HOST:PORT, which means the paths below /v1, or with a path, which is taken as it is; behind # the model's
    /// name, else the first that the server has</param>
    /// <param name="key">sent as a bearer token</param>
    /// <param name="tries">how often <see cref="PostAsync"/> asks at most</param>
    /// <param name="timeout">how long one try may take, or the beginning of a stream; null: 30 minutes</param>
    /// <exception cref="ArgumentException">It is no such address.</exception>
    public OpenAiClient(string url, string? key = null, int tries = 5, TimeSpan? timeout = null)
    {
        string whole = url.Contains("://", StringComparison.Ordinal) ? url : "http://" + url;
        if (!IsUrl(whole) || !Uri.TryCreate(whole, UriKind.Absolute, out Uri? address))
        {
            throw new ArgumentException($"'{url}' is no address of a server, such as http://127.0.0.1:8080/v1#model");
        }
        _tries = tries;
        _model = address.Fragment.Length > 1 ? Uri.UnescapeDataString(address.Fragment[1..]) : null;
        string root = address.GetLeftPart(UriPartial.Path).TrimEnd('/');
        Api = address.AbsolutePath == "/" ? root + "/v1" : root;
        Root = Api.EndsWith("/v1", StringComparison.Ordinal) ? Api[..^3] : Api;
        // No proxy stands between this machine and itself.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = !address.IsLoopback }) { Timeout = timeout ?? TimeSpan.FromMinutes(30) };
        if (!string.IsNullOrEmpty(key))
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    /// <summary>Whether a model is named by an address and not by a path.</summary>
    public static bool IsUrl(string model) =>
        model.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || model.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>The address above the API's paths, without /v1: /health and /metrics lie there.</summary>
    public string Root { get; }

    /// <summary>The address of the API's paths, such as http://127.0.0.1:8080/v1.</summary>
    public string Api { get; }

    /// <summary>The model that is asked.</summary>
    /// <exception cref="InvalidDataException">The server has none.</exception>
    /// <exception cref="IOException">It cannot be reached.</exception>
    public async Task<string> ModelAsync(CancellationToken cancelled = default)
    {
        JsonNode models = _model is null ? await SendAsync("models", null, cancelled).ConfigureAwait(false) : new JsonObject();
        return _model ??=
            (string?)(models["data"] as JsonArray)?.FirstOrDefault()?["id"]
            ?? throw new InvalidDataException($"{Api}/models names no model; name one behind the address: {Api}#NAME");
    }

    /// <summary>Asks; where the body names no model, that of <see cref="ModelAsync"/> is added.</summary>
    /// <param name="path">below the API's address, such as chat/completions</param>
    /// <param name="body">the request</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="InvalidDataException">The server refuses; the message is its own.</exception>
    /// <exception cref="IOException">It cannot be reached, or takes too long.</exception>
    public async Task<JsonNode> PostAsync(string path, JsonObject body, CancellationToken cancelled = default)
    {
        body["model"] ??= await ModelAsync(cancelled).ConfigureAwait(false);
        return await SendAsync(path, body.ToJsonString(), cancelled).ConfigureAwait(false);
    }

    /// <summary>Asks once, whatever the body is, and tells the status and the text that came.</summary>
    /// <param name="address">the whole address, which begins with <see cref="Root"/> or <see cref="Api"/></param>
    /// <param name="body">what is posted as JSON; null: nothing is posted, the address is read</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="IOException">It cannot be reached, or takes too long.</exception>
    public async Task<(int Status, string Text)> AskAsync(string address, string? body, CancellationToken cancelled = default)
    {
        using HttpResponseMessage response = await OnceAsync(address, body, HttpCompletionOption.ResponseContentRead, cancelled)
            .ConfigureAwait(false);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false));
    }

    /// <summary>Asks once for a stream: each event's data as it comes, <c>[DONE]</c> included, or the one text with which the server
    /// refuses or answers without a stream. Who stops reading goes away from the server.</summary>
    /// <param name="path">below the API's address, such as chat/completions</param>
    /// <param name="body">the request, which asks for a stream</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="IOException">It cannot be reached, or breaks off.</exception>
    public async IAsyncEnumerable<(int Status, string Data)> EventsAsync(
        string path,
        JsonObject body,
        [EnumeratorCancellation] CancellationToken cancelled = default
    )
    {
        using HttpResponseMessage response = await OnceAsync(
                $"{Api}/{path}",
                body.ToJsonString(),
                HttpCompletionOption.ResponseHeadersRead,
                cancelled
            )
            .ConfigureAwait(false);
        int status = (int)response.StatusCode;
        if (!response.IsSuccessStatusCode || response.Content.Headers.ContentType?.MediaType == "application/json")
        {
            yield return (status, await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false));
            yield break;
        }
        using Stream stream = await response.Content.ReadAsStreamAsync(cancelled).ConfigureAwait(false);
        using StreamReader lines = new(stream);
        while (await lines.ReadLineAsync(cancelled).ConfigureAwait(false) is { } line)
        {
            if (line.StartsWith("data:", StringComparison.Ordinal))
            {
                yield return (status, line[5..].Trim());
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> OnceAsync(string address, string? body, HttpCompletionOption until, CancellationToken cancelled)
    {
        using HttpRequestMessage request = new(body is null ? HttpMethod.Get : HttpMethod.Post, address)
        {
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        try
        {
            return await _http.SendAsync(request, until, cancelled).ConfigureAwait(false);
        }
        catch (HttpRequestException lost)
        {
            throw new IOException($"{Root} cannot be reached: {lost.Message}; check the address, and that the server runs", lost);
        }
        catch (TaskCanceledException late) when (!cancelled.IsCancellationRequested)
        {
            throw new IOException($"{address} takes longer than {_http.Timeout.TotalSeconds:0.###} s", late);
        }
    }

    private async Task<JsonNode> SendAsync(string path, string? body, CancellationToken cancelled)
    {
        string address = $"{Api}/{path}";
        for (int attempt = 1; ; attempt++)
        {
            TimeSpan pause = TimeSpan.FromSeconds(0.25 * (1 << Math.Min(attempt, 8)));
            try
            {
                using HttpResponseMessage response = await OnceAsync(address, body, HttpCompletionOption.ResponseContentRead, cancelled)
                    .ConfigureAwait(false);
                string text = await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return Parsed(text)
                        ?? throw new InvalidDataException(
                            $"{address} answers with something that is no JSON; is it a server with OpenAI's API?"
                        );
                }
                if ((int)response.StatusCode is not (429 or >= 500) || attempt == _tries)
                {
                    throw new InvalidDataException($"{address} answers with {(int)response.StatusCode}: {Reason(text)}");
                }
                pause = response.Headers.RetryAfter?.Delta ?? pause;
            }
            catch (IOException) when (attempt < _tries)
            {
                // tried again below
            }
            await Task.Delay(pause < LongestPause ? pause : LongestPause, cancelled).ConfigureAwait(false);
        }
    }

    private static string Reason(string text) =>
        Parsed(text)?["error"] switch
        {
            JsonObject error => (string?)error["message"] ?? error.ToJsonString(),
            { } other => other.ToString(),
            null => text.Length > 200 ? text[..200] : text,
        };

    private static JsonNode? Parsed(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
