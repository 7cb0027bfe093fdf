using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>Fetches one file from a plain address into a folder: resumed as long as the address names the same version, checked where a
/// checksum is known.</summary>
/// <param name="address">where it is</param>
/// <param name="directory">where it goes</param>
/// <param name="progress">is told of bytes</param>
public sealed partial class PlainFetch(string address, string directory, Action<FetchProgress>? progress = null)
{
    /// <summary>Its name; by default the last part of the address.</summary>
    public string Name { get; init; } = Uri.UnescapeDataString(address.Split('?', '#')[0].TrimEnd('/').Split('/')[^1]);

    /// <summary>The SHA-256 or SHA-1 that it must have, in hexadecimal digits, or null.</summary>
    public string? Hash { get; init; }

    /// <summary>Address of a list of hashes and names that it is looked up in (<c>sha1sums.txt</c>), or null.</summary>
    public string? HashList { get; init; }

    /// <summary>How long to wait for the next byte.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Fetches the file unless it is there.</summary>
    /// <exception cref="RefusedException">There is no such file.</exception>
    /// <exception cref="IOException">The network does not bring it; what has arrived is kept.</exception>
    /// <exception cref="InvalidDataException">Its checksum is wrong.</exception>
    public async Task<FetchResult> Run(CancellationToken cancelled = default)
    {
        string place = Path.Combine(directory, RepositoryFile.Safe(Name));
        using Web web = new(null, null, Silence);
        using FileLock held = await FileLock.Take(place + ".lock", cancelled).ConfigureAwait(false);
        try
        {
            using HttpResponseMessage head = await web.Ask(HttpMethod.Head, address, null, cancelled).ConfigureAwait(false);
            bool said = head.IsSuccessStatusCode && !Encodings.IsPacked(head);
            if ((int)head.StatusCode is 401 or 403 or 404 or 410)
            {
                throw new RefusedException(
                    $"{address} is not to be had ({(int)head.StatusCode}, {head.ReasonPhrase}): look for where it has gone"
                );
            }
            Checksum? checksum =
                Hash is not null ? Checksum.Parse(Hash, Name)
                : HashList is not null ? await LookUp(web, HashList, cancelled).ConfigureAwait(false)
                : null;
            long? length = said ? head.Content.Headers.ContentLength : null;
            FileInfo there = new(place);
            string? note = checksum is null ? "its source publishes no checksum: it was checked by its length alone" : null;
            if (
                there.Exists
                && (checksum is null ? length is null || there.Length == length : checksum.Compute(place, cancelled) == checksum.Hex)
            )
            {
                return new FetchResult(directory, null, 1, there.Length, 0, null, note);
            }
            DiskSpace.Check(directory, length ?? 0);
            Loading loading = new(length ?? 0, 0, progress);
            string? version =
                said && Web.Header(head, "ETag") is { } etag && !etag.StartsWith("W/", StringComparison.Ordinal) ? etag
                : said ? Web.Header(head, "Last-Modified")
                : null;
            await new FileDownload(
                web,
                new Wanted(Name, place, length, checksum, version),
                (_, _) => Task.FromResult(address),
                loading.Arrived(Name)
            )
                .Run(cancelled)
                .ConfigureAwait(false);
            return new FetchResult(directory, null, 1, new FileInfo(place).Length, loading.Loaded, null, note);
        }
        finally
        {
            File.Delete(place + ".lock");
        }
    }

    /// <summary>The line of a list whose name is the file's; <c>latest</c> in a name stands for the date in the list's.</summary>
    private async Task<Checksum> LookUp(Web web, string list, CancellationToken cancelled)
    {
        using HttpResponseMessage answer = await web.Ask(HttpMethod.Get, list, null, cancelled).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode)
        {
            throw new IOException(
                $"{list} answers {(int)answer.StatusCode} ({answer.ReasonPhrase}), and without it {Name} cannot be checked"
            );
        }
        foreach (string line in (await answer.Content.ReadAsStringAsync(cancelled).ConfigureAwait(false)).Split('\n'))
        {
            if (
                line.Split([' ', '*'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is [string hash, string name]
                && (name == Name || Date().Replace(name, "latest") == Name)
            )
            {
                return Checksum.Parse(hash, list);
            }
        }
        throw new InvalidDataException($"{list} names no {Name}, so it cannot be checked");
    }

    [GeneratedRegex(@"\d{8}")]
    private static partial Regex Date();
}
