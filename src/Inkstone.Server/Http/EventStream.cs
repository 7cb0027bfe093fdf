using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>
/// Server-sent events with LF line ends, or one JSON document a line (Ollama). Headers go at once; while nothing is said, comments keep
/// clients from giving up
/// (the .NET client counts 100 s from read to read).
/// </summary>
internal sealed class EventStream(HttpContext http, bool lines = false, TimeSpan? quiet = null)
{
    private readonly TimeSpan _quiet = quiet ?? TimeSpan.FromSeconds(10);

    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Sends the headers.</summary>
    public async Task BeginAsync()
    {
        http.Response.StatusCode = 200;
        http.Response.ContentType = lines ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        await http.Response.Body.FlushAsync(http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Adds an event; it goes with the next flush.</summary>
    public void Write(JsonNode data, string? name = null)
    {
        if (name is not null)
        {
            _bytes.Write(Encoding.UTF8.GetBytes($"event: {name}\n"));
        }
        if (!lines)
        {
            _bytes.Write("data: "u8);
        }
        _bytes.Write(Wire.Bytes(data));
        _bytes.Write(lines ? "\n"u8 : "\n\n"u8);
    }

    /// <summary>Adds OpenAI's last event.</summary>
    public void WriteDone() => _bytes.Write("data: [DONE]\n\n"u8);

    /// <summary>Sends what was added.</summary>
    public async Task FlushAsync()
    {
        if (_bytes.WrittenCount > 0)
        {
            await http.Response.Body.WriteAsync(_bytes.WrittenMemory, http.RequestAborted).ConfigureAwait(false);
            _bytes.ResetWrittenCount();
        }
        await http.Response.Body.FlushAsync(http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Goes through <paramref name="items"/>; comments are sent while the next one is waited for.</summary>
    public async IAsyncEnumerable<T> KeepAlive<T>(IAsyncEnumerable<T> items)
    {
        await using IAsyncEnumerator<T> at = items.GetAsyncEnumerator(http.RequestAborted);
        while (true)
        {
            Task<bool> next = at.MoveNextAsync().AsTask();
            while (
                !next.IsCompleted
                && !lines
                && await Task.WhenAny(next, Task.Delay(_quiet, http.RequestAborted)).ConfigureAwait(false) != next
                && !http.RequestAborted.IsCancellationRequested
            )
            {
                _bytes.Write(": waiting\n\n"u8);
                await FlushAsync().ConfigureAwait(false);
            }
            if (!await next.ConfigureAwait(false))
            {
                yield break;
            }
            yield return at.Current;
        }
    }
}
