using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Evaluation;

/// <summary>A server with OpenAI's API. What fails for a while (status 429 and 5xx, a lost connection) is tried again, with longer and
/// longer pauses.</summary>
public sealed class OpenAiClient : IDisposable
{
    private const int Tries = 5;

    private readonly HttpClient _http;
    private readonly string _root;
    private string? _model;

    /// <summary>Over an address; nothing is asked yet.</summary>
    /// <param name="url">http://HOST:PORT, with or without /v1; behind # the model's name, else the first that the server has</param>
    /// <param name="key">sent as a bearer token</param>
    /// <exception cref="ArgumentException">It is no such address.</exception>
    public OpenAiClient(string url, string? key = null)
    {
        if (!IsUrl(url) || !Uri.TryCreate(url, UriKind.Absolute, out Uri? address))
        {
            throw new ArgumentException($"'{url}' is no address of a server, such as http://127.0.0.1:8080/v1#model");
        }
        _model = address.Fragment.Length > 1 ? Uri.UnescapeDataString(address.Fragment[1..]) : null;
        string root = address.GetLeftPart(UriPartial.Path).TrimEnd('/');
        _root = root.EndsWith("/v1", StringComparison.Ordinal) ? root : root + "/v1";
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromMinutes(30) };
        if (!string.IsNullOrEmpty(key))
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    /// <summary>Whether a model is named by an address and not by a path.</summary>
    public static bool IsUrl(string model) =>
        model.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || model.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>The model that is asked.</summary>
    /// <exception cref="InvalidDataException">The server has none.</exception>
    public async Task<string> ModelAsync(CancellationToken cancelled = default)
    {
        JsonNode models = _model is null ? await SendAsync("models", null, cancelled).ConfigureAwait(false) : new JsonObject();
        return _model ??=
            (string?)(models["data"] as JsonArray)?.FirstOrDefault()?["id"]
            ?? throw new InvalidDataException($"{_root}/models names no model; name one behind the address: {_root}#NAME");
    }

    /// <summary>Asks; the model's name is added.</summary>
    /// <param name="path">such as chat/completions</param>
    /// <param name="body">the request</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="InvalidDataException">The server refuses; the message is its own.</exception>
    /// <exception cref="IOException">It cannot be reached.</exception>
    public async Task<JsonNode> PostAsync(string path, JsonObject body, CancellationToken cancelled = default)
    {
        body["model"] = await ModelAsync(cancelled).ConfigureAwait(false);
        return await SendAsync(path, body.ToJsonString(), cancelled).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<JsonNode> SendAsync(string path, string? body, CancellationToken cancelled)
    {
        for (int attempt = 1; ; attempt++)
        {
            string fault;
            try
            {
                using HttpRequestMessage request = new(body is null ? HttpMethod.Get : HttpMethod.Post, $"{_root}/{path}")
                {
                    Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
                };
                using HttpResponseMessage response = await _http.SendAsync(request, cancelled).ConfigureAwait(false);
                string text = await response.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return Parsed(text)
                        ?? throw new InvalidDataException(
                            $"{_root}/{path} answers with something that is no JSON; is it a server with OpenAI's API?"
                        );
                }
                fault = $"{_root}/{path} answers with {(int)response.StatusCode}: {Reason(text)}";
                if (response.StatusCode != HttpStatusCode.TooManyRequests && (int)response.StatusCode < 500 || attempt == Tries)
                {
                    throw new InvalidDataException(fault);
                }
            }
            catch (HttpRequestException lost)
            {
                if (attempt == Tries)
                {
                    throw new IOException($"{_root} cannot be reached: {lost.Message}; check the address, and that the server runs", lost);
                }
            }
            await Task.Delay(TimeSpan.FromSeconds(0.25 * (1 << attempt)), cancelled).ConfigureAwait(false);
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
