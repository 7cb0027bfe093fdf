using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>
/// Requests that clients send again because they lost the answer. One with an <c>Idempotency-Key</c> that was answered a short while ago
/// gets the same answer, byte by byte; while the first is still being answered its twin gets 409, which clients try again. What failed or
/// was cut is made anew.
/// </summary>
internal sealed class RepeatedRequests
{
    private const int MostEntries = 1024,
        MostKeyLength = 255;
    private const long MostBytes = 32 << 20;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    private readonly TimeProvider _clock;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Queue<(string Name, Entry Entry)> _oldestFirst = [];
    private readonly Lock _lock = new();
    private long _bytes;

    public RepeatedRequests(TimeProvider clock) => _clock = clock;

    /// <summary>Answers a request, or gives the answer of its twin.</summary>
    /// <exception cref="ApiException">409: its twin is being answered; 422: the key came with another body.</exception>
    public async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        string? key = http.Request.Headers["Idempotency-Key"];
        if (http.Request.Method != "POST" || string.IsNullOrEmpty(key))
        {
            await next(http).ConfigureAwait(false);
            return;
        }
        if (key.Length > MostKeyLength)
        {
            throw new ApiException(400, $"an Idempotency-Key has at most {MostKeyLength} characters, it has {key.Length}.");
        }
        // Keys are the clients' own: what one of them asks is never another's answer.
        IHeaderDictionary headers = http.Request.Headers;
        string name = string.Join('\n', http.Request.Path, key, headers.Authorization, headers["x-api-key"]);
        byte[] body = await BodyAsync(http.Request, http.RequestAborted).ConfigureAwait(false);
        Entry entry = new(body, _clock.GetUtcNow());
        if (Find(name, entry) is { } known)
        {
            await ReplayAsync(http, known).ConfigureAwait(false);
            return;
        }
        Stream client = http.Response.Body;
        using CopyingStream copy = new(client, MostBytes / 4);
        http.Response.Body = copy;
        try
        {
            await next(http).ConfigureAwait(false);
            entry.Answer = http.Response.StatusCode == 200 ? copy.Copied() : null;
            entry.ContentType = http.Response.ContentType;
        }
        finally
        {
            http.Response.Body = client;
            Keep(name, entry);
        }
    }

    /// <summary>The answer that is known, or null; the request is the first of its name then.</summary>
    private Entry? Find(string name, Entry request)
    {
        lock (_lock)
        {
            while (_oldestFirst.TryPeek(out (string Name, Entry Entry) oldest) && request.Since - oldest.Entry.Since > Kept)
            {
                Forget();
            }
            if (!_entries.TryGetValue(name, out Entry? known))
            {
                _entries[name] = request;
                return null;
            }
            if (!known.Body.AsSpan().SequenceEqual(request.Body))
            {
                throw new ApiException(422, "this Idempotency-Key came with another body; take a new one.", code: "idempotency_key_reused");
            }
            return known.Answer is not null
                ? known
                : throw new ApiException(409, "the same request is being answered; ask again.", code: "idempotency_in_progress");
        }
    }

    private void Keep(string name, Entry entry)
    {
        lock (_lock)
        {
            if (entry.Answer is null)
            {
                _ = _entries.Remove(name);
                return;
            }
            _oldestFirst.Enqueue((name, entry));
            _bytes += entry.Bytes;
            while (_bytes > MostBytes || _oldestFirst.Count > MostEntries)
            {
                Forget();
            }
        }
    }

    private void Forget()
    {
        (string name, Entry entry) = _oldestFirst.Dequeue();
        _bytes -= entry.Bytes;
        _ = _entries.Remove(name);
    }

    private static async Task ReplayAsync(HttpContext http, Entry known)
    {
        http.Response.ContentType = known.ContentType;
        http.Response.Headers["Idempotent-Replayed"] = "true";
        await http.Response.Body.WriteAsync(known.Answer, http.RequestAborted).ConfigureAwait(false);
    }

    private static async Task<byte[]> BodyAsync(HttpRequest request, CancellationToken cancelled)
    {
        request.EnableBuffering();
        using MemoryStream body = new();
        await request.Body.CopyToAsync(body, cancelled).ConfigureAwait(false);
        request.Body.Position = 0;
        return body.ToArray();
    }

    private sealed class Entry(byte[] body, DateTimeOffset since)
    {
        public byte[] Body => body;

        public DateTimeOffset Since => since;

        public byte[]? Answer { get; set; }

        public string? ContentType { get; set; }

        public long Bytes => body.Length + Answer!.Length;
    }
}
