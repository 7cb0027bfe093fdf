using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Inkstone.Hub;

/// <summary>
/// Requests of one hub: its token goes to its own address and nowhere else, redirects are followed here, and what may pass is tried again.
/// </summary>
internal sealed class Web : IDisposable
{
    private const int MostRedirects = 8,
        DamagedTries = 3;
    private readonly HttpClient _client;
    private readonly string? _origin;
    private readonly string? _token;
    private readonly bool _tokenAsCookie;

    /// <param name="origin">the address whose scheme, host and port get the token; null: none does</param>
    /// <param name="token">the token, or null</param>
    /// <param name="silence">how long to wait for an answer, or for its next byte</param>
    /// <param name="tokenAsCookie">whether the token goes as ModelScope's cookie too</param>
    public Web(string? origin, string? token, TimeSpan silence, bool tokenAsCookie = false)
    {
        (_origin, _token, Silence, _tokenAsCookie) = (origin is null ? null : OriginOf(origin), token, silence, tokenAsCookie);
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.ParseAdd("inkstone/" + typeof(Web).Assembly.GetName().Version!.ToString(3));
    }

    public TimeSpan Silence { get; }

    public bool HasToken => _token is not null;

    /// <summary>One request, its answer's head read; no redirect is followed and nothing is tried again.</summary>
    /// <exception cref="IOException">There was no answer.</exception>
    public async Task<HttpResponseMessage> Send(
        HttpMethod method,
        string address,
        RangeHeaderValue? range,
        string? ifRange,
        CancellationToken cancelled
    )
    {
        UriCreationOptions asItStands = new() { DangerousDisablePathAndQueryCanonicalization = true }; // a signature covers the address to the letter
        if (!Uri.TryCreate(address, asItStands, out Uri? uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new InvalidDataException($"'{address}' is no address to load from");
        }
        using HttpRequestMessage request = new(method, uri);
        request.Headers.AcceptEncoding.ParseAdd("identity");
        request.Headers.Range = range;
        if (ifRange is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Range", ifRange);
        }
        if (_token is not null && OriginOf(address) == _origin)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
            if (_tokenAsCookie)
            {
                request.Headers.TryAddWithoutValidation("Cookie", "m_session_id=" + _token);
            }
        }
        using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        waiting.CancelAfter(TimeSpan.FromSeconds(20) + Silence);
        try
        {
            HttpResponseMessage answer = await _client
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, waiting.Token)
                .ConfigureAwait(false);
            answer.RequestMessage = request;
            return answer;
        }
        catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
        {
            throw new IOException($"{uri.Authority} did not answer in time");
        }
        catch (HttpRequestException e)
        {
            throw new IOException(Words(e, uri), e);
        }
    }

    /// <summary>The same with redirects followed and what may pass tried again; the answer may still be a refusal.</summary>
    /// <param name="method">GET or HEAD</param>
    /// <param name="address">where to begin</param>
    /// <param name="follow">whether an answer's redirect is followed; null: all are</param>
    /// <param name="cancelled">ends it</param>
    public async Task<HttpResponseMessage> Ask(
        HttpMethod method,
        string address,
        Func<HttpResponseMessage, bool>? follow,
        CancellationToken cancelled
    )
    {
        int redirects = 0;
        for (int failure = 1; ; failure++)
        {
            HttpResponseMessage? answer = null;
            try
            {
                answer = await Send(method, address, null, null, cancelled).ConfigureAwait(false);
                while (Redirect(answer) is { } next && follow?.Invoke(answer) != false)
                {
                    if (++redirects > MostRedirects)
                    {
                        throw new InvalidDataException($"{address} leads in a circle of redirects");
                    }
                    answer.Dispose();
                    answer = await Send(method, address = next, null, null, cancelled).ConfigureAwait(false);
                }
                if (!Pause.MayPass((int)answer.StatusCode) || failure == Pause.Tries)
                {
                    return answer;
                }
            }
            catch (IOException) when (failure < Pause.Tries) { }
            await Pause.After(failure, answer, cancelled).ConfigureAwait(false);
            answer?.Dispose();
        }
    }

    /// <summary>A JSON document with the headers that it came with; a body that breaks is asked for again.</summary>
    /// <param name="address">where it is</param>
    /// <param name="refused">says what a refusal means</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="InvalidDataException">It is no JSON.</exception>
    public async Task<(JsonDocument Json, HttpResponseMessage Answer)> Json(
        string address,
        Func<HttpResponseMessage, Exception> refused,
        CancellationToken cancelled
    )
    {
        for (int failure = 1; ; failure++)
        {
            HttpResponseMessage answer = await Ask(HttpMethod.Get, address, null, cancelled).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
            {
                throw refused(answer);
            }
            try
            {
                using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
                waiting.CancelAfter(TimeSpan.FromSeconds(60) + Silence);
                byte[] body = await answer.Content.ReadAsByteArrayAsync(waiting.Token).ConfigureAwait(false);
                if (answer.Content.Headers.ContentEncoding.Count > 0)
                {
                    using MemoryStream packed = new(body),
                        plain = new();
                    using Stream unpacked = Encodings.Unpack(answer, packed);
                    unpacked.CopyTo(plain);
                    body = plain.ToArray();
                }
                return (JsonDocument.Parse(body), answer);
            }
            catch (JsonException) when (failure < DamagedTries) // a bit may have changed on the way
            {
                answer.Dispose();
                await Pause.After(failure, null, cancelled).ConfigureAwait(false);
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{address} answered with something that is no JSON: is that the address of a hub?", e);
            }
            catch (Exception e)
                when (failure < Pause.Tries
                    && (e is IOException or HttpRequestException || e is OperationCanceledException && !cancelled.IsCancellationRequested)
                )
            {
                await Pause.After(failure, null, cancelled).ConfigureAwait(false);
            }
            catch (HttpRequestException e)
            {
                throw new IOException(Words(e, answer.RequestMessage!.RequestUri!), e);
            }
        }
    }

    /// <summary>Where an answer sends to, as a whole address; null where it does not.</summary>
    public static string? Redirect(HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308) || Header(answer, "Location") is not { } location)
        {
            return null;
        }
        Uri from = answer.RequestMessage!.RequestUri!;
        return location.Contains("://", StringComparison.Ordinal) ? location
            : location.StartsWith("//", StringComparison.Ordinal) ? $"{from.Scheme}:{location}"
            : location.StartsWith('/') ? OriginOf(from.OriginalString) + location
            : new Uri(from, location).AbsoluteUri;
    }

    /// <summary>A header as it was sent, or null.</summary>
    public static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.NonValidated.TryGetValues(name, out HeaderStringValues values)
        || answer.Content.Headers.NonValidated.TryGetValues(name, out values)
            ? values.ToString()
            : null;

    /// <summary>Scheme, host and port.</summary>
    public static string OriginOf(string address) => new Uri(address).GetLeftPart(UriPartial.Authority);

    public void Dispose() => _client.Dispose();

    private static string Words(HttpRequestException fault, Uri uri) =>
        fault.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => $"there is no host {uri.Host}, or no network: check the connection, or name a mirror",
            HttpRequestError.ConnectionError =>
                $"{uri.Authority} cannot be reached ({fault.InnerException?.Message ?? fault.Message}): check the connection, or name a mirror",
            HttpRequestError.SecureConnectionError =>
                $"{uri.Authority} has no certificate that this machine trusts ({fault.InnerException?.Message ?? fault.Message})",
            _ => $"{uri.Authority}: {fault.InnerException?.Message ?? fault.Message}",
        };
}
