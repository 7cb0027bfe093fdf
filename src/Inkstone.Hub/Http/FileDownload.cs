using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>What is to be loaded.</summary>
/// <param name="Name">as messages call it</param>
/// <param name="Place">the path that it gets when it is whole</param>
/// <param name="Length">its bytes, or null where nobody says</param>
/// <param name="Checksum">the hash that it must have, or null where nobody says</param>
/// <param name="Version">what tells one version of it from another where there is no checksum: an ETag</param>
internal sealed record Wanted(string Name, string Place, long? Length, Checksum? Checksum, string? Version = null);

/// <summary>
/// Loads one file. What has arrived is kept whatever happens: the next attempt, or the next process, asks for the rest. A file gets its
/// name only
/// when its length and its checksum are right.
/// </summary>
/// <param name="web">makes the requests</param>
/// <param name="wanted">the file</param>
/// <param name="address">gives its address; true asks for a fresh one, because a signed address may have expired</param>
/// <param name="arrived">is told of each piece; negative where pieces are thrown away</param>
internal sealed class FileDownload(Web web, Wanted wanted, Func<bool, CancellationToken, Task<string>> address, Action<long> arrived)
{
    /// <summary>From here on several connections load one file.</summary>
    internal const long PartsFrom = 64L << 20;

    private const int Connections = 4,
        MostRedirects = 8,
        Progress = 1 << 16,
        WholeTries = 3;

    private readonly string _partial = wanted.Place + ".ink.incomplete";
    private readonly ulong _version = Sha1.First8Bytes(Encoding.UTF8.GetBytes(wanted.Checksum?.Hex ?? wanted.Version ?? ""));
    private Parts? _parts;
    private bool _rangesAreIgnored;

    /// <summary>Loads the file and gives it its name.</summary>
    /// <exception cref="IOException">The network does not give it; what has arrived is kept.</exception>
    /// <exception cref="InvalidDataException">What arrives is not what was promised; nothing is kept.</exception>
    public async Task Run(CancellationToken cancelled)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_partial)!);
        for (int attempt = 1; ; attempt++)
        {
            _parts = Parts.Open(_partial, wanted.Length ?? -1, _version, wanted.Length >= PartsFrom ? Connections : 1);
            try
            {
                arrived(_parts.Done);
                await LoadParts(cancelled).ConfigureAwait(false);
                _parts.Complete();
            }
            finally
            {
                _parts.Dispose();
            }
            string? hash = wanted.Checksum is { } checksum
                ? await Task.Run(() => checksum.Compute(_partial, cancelled), cancelled).ConfigureAwait(false)
                : null;
            if (hash is null || hash == wanted.Checksum!.Hex)
            {
                File.Move(_partial, wanted.Place, overwrite: true);
                File.Delete(Parts.JournalOf(_partial));
                return;
            }
            arrived(-new FileInfo(_partial).Length);
            Parts.Delete(_partial);
            if (attempt == WholeTries)
            {
                throw new InvalidDataException(
                    $"{wanted.Name}: {wanted.Checksum!.Name} of what arrived is {hash} and should be {wanted.Checksum.Hex}, {WholeTries} times over; it was thrown away"
                );
            }
        }
    }

    private async Task LoadParts(CancellationToken cancelled)
    {
        if (_parts!.Count > 1)
        {
            using CancellationTokenSource all = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
            try
            {
                await Task.WhenAll(
                        Enumerable
                            .Range(0, _parts.Count)
                            .Select(async part =>
                            {
                                try
                                {
                                    await LoadPart(part, all.Token).ConfigureAwait(false);
                                }
                                catch
                                {
                                    await all.CancelAsync().ConfigureAwait(false);
                                    throw;
                                }
                            })
                    )
                    .ConfigureAwait(false);
                return;
            }
            catch (Exception) when (_rangesAreIgnored && !cancelled.IsCancellationRequested)
            {
                arrived(-_parts.Done);
                _parts = _parts.Again(1, _version);
            }
        }
        await LoadPart(0, cancelled).ConfigureAwait(false);
    }

    private async Task LoadPart(int part, CancellationToken cancelled)
    {
        bool fresh = false;
        for (int failure = 0; _parts!.At(part) < _parts.End(part); )
        {
            long before = _parts.At(part);
            HttpResponseMessage? answer = null;
            IOException fault;
            try
            {
                answer = await Open(part, fresh, cancelled).ConfigureAwait(false);
                fresh = false;
                if (await Take(part, answer, cancelled).ConfigureAwait(false))
                {
                    return; // the end of a body whose length nobody had told
                }
                fault = new IOException($"{wanted.Name}: the connection ended after {_parts.At(part):N0} bytes of {_parts.End(part):N0}");
            }
            catch (ExpiredException e)
            {
                (fresh, fault) = (true, e);
            }
            catch (IOException e) when (e is not RefusedException)
            {
                fault = e;
            }
            catch (HttpRequestException e)
            {
                fault = new IOException($"{wanted.Name}: {e.InnerException?.Message ?? e.Message}", e);
            }
            catch (InvalidDataException e) when (answer is not null) // a packed body that breaks
            {
                fault = new IOException($"{wanted.Name}: {e.Message}", e);
            }
            using (answer)
            {
                if (_parts.At(part) >= _parts.End(part))
                {
                    return;
                }
                if (_rangesAreIgnored && _parts.Count > 1)
                {
                    throw fault;
                }
                failure = _parts.At(part) - before >= Progress ? 0 : failure + (fault is WrongLengthException ? 2 : 1);
                if (failure >= Pause.Tries)
                {
                    throw new IOException(
                        $"{fault.Message.TrimEnd('.')}; {(_parts.Done > 0 ? "what has arrived is kept: run the same again to go on" : "nothing has arrived")}",
                        fault
                    );
                }
                if (failure > 0)
                {
                    await Pause.After(failure, null, cancelled).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>An answer whose body is the part's rest, or the file from its beginning.</summary>
    private async Task<HttpResponseMessage> Open(int part, bool fresh, CancellationToken cancelled)
    {
        string at = await address(fresh, cancelled).ConfigureAwait(false);
        long from = _parts!.At(part),
            end = _parts.End(part);
        RangeHeaderValue? range =
            from == 0 && _parts.Count == 1 ? null : new RangeHeaderValue(from, end == long.MaxValue || _parts.Count == 1 ? null : end - 1);
        string? ifRange = range is not null && wanted.Checksum is null ? wanted.Version : null;
        for (int redirects = 0; ; redirects++)
        {
            HttpResponseMessage answer = await web.Send(HttpMethod.Get, at, range, ifRange, cancelled).ConfigureAwait(false);
            if (Web.Redirect(answer) is { } next && redirects < MostRedirects)
            {
                answer.Dispose();
                at = next;
                continue;
            }
            if (answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
            {
                return answer;
            }
            using (answer)
            {
                throw await Refusal(answer, part, cancelled).ConfigureAwait(false);
            }
        }
    }

    private async Task<IOException> Refusal(HttpResponseMessage answer, int part, CancellationToken cancelled)
    {
        int status = (int)answer.StatusCode;
        string host = answer.RequestMessage!.RequestUri!.Authority;
        if (answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            long? whole = answer.Content.Headers.ContentRange?.Length;
            if (whole == _parts!.At(part) && wanted.Length is null)
            {
                return new WrongLengthException($"{wanted.Name} was already whole with {whole:N0} bytes");
            }
            return new WrongLengthException(
                whole is { } got
                    ? $"{wanted.Name} has {got:N0} bytes at {host}, where {wanted.Length:N0} are expected"
                    : $"{host} has nothing of {wanted.Name} behind byte {_parts.At(part):N0}"
            );
        }
        if (Pause.MayPass(status))
        {
            await Pause.After(1, answer, cancelled).ConfigureAwait(false);
            return new IOException($"{host} answers {status} ({answer.ReasonPhrase}) for {wanted.Name}");
        }
        return status is 401 or 403 or 404 or 410
            ? new ExpiredException($"{host} refuses {wanted.Name} ({status}, {answer.ReasonPhrase})")
            : new RefusedException($"{host} answers {status} ({answer.ReasonPhrase}) for {wanted.Name}");
    }

    /// <summary>Takes the body down; true where it ended in good order and nobody had told its length.</summary>
    private async Task<bool> Take(int part, HttpResponseMessage answer, CancellationToken cancelled)
    {
        bool packed = Encodings.IsPacked(answer);
        if (answer.StatusCode == HttpStatusCode.PartialContent && !packed)
        {
            ContentRangeHeaderValue? range = answer.Content.Headers.ContentRange;
            if (range?.From != _parts!.At(part))
            {
                throw new IOException($"{wanted.Name} was asked for from byte {_parts.At(part):N0} and comes from {range?.From:N0}");
            }
            CheckLength(range.Length);
        }
        else
        {
            if (_parts!.Count > 1)
            {
                _rangesAreIgnored = true;
                throw new IOException($"{wanted.Name} comes whole only");
            }
            arrived(-_parts.At(part)); // from the beginning again: what was there may be of another version
            _parts.Rewind(part);
            CheckLength(packed ? null : answer.Content.Headers.ContentLength);
        }
        long end = _parts.End(part);
        Stream body = await answer.Content.ReadAsStreamAsync(cancelled).ConfigureAwait(false);
        await using Stream plain = packed ? Encodings.Unpack(answer, body) : body;
        using CancellationTokenSource silence = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        byte[] buffer = new byte[1 << 16];
        while (true)
        {
            silence.CancelAfter(web.Silence);
            int read;
            try
            {
                read = await plain.ReadAsync(buffer, silence.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
            {
                throw new IOException($"{wanted.Name}: no byte came for {web.Silence.TotalSeconds:0} s");
            }
            if (read == 0)
            {
                return end == long.MaxValue;
            }
            if (read > end - _parts.At(part))
            {
                arrived(-_parts.At(part));
                _parts.Rewind(part);
                throw new WrongLengthException($"{wanted.Name} is longer than the {wanted.Length:N0} bytes that are expected");
            }
            _parts.Append(part, buffer.AsSpan(0, read));
            arrived(read);
        }
    }

    private void CheckLength(long? whole)
    {
        if (wanted.Length is { } expected && whole is { } got && got != expected)
        {
            throw new WrongLengthException($"{wanted.Name} has {got:N0} bytes where {expected:N0} are expected");
        }
    }

    /// <summary>The address is refused, which a fresh one may not be.</summary>
    private sealed class ExpiredException(string message) : IOException(message);

    private sealed class WrongLengthException(string message) : IOException(message);
}
