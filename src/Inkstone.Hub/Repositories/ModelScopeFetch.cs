using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>
/// Fetches a repository of ModelScope into the cache of its own program (since its release 1.40): plain files under
/// <c>models|datasets/ORG--NAME/snapshots/REVISION</c>, each checked by the SHA-256 that the list names.
/// </summary>
/// <param name="settings">the hub and its cache</param>
/// <param name="id">the repository</param>
/// <param name="request">what of it</param>
/// <param name="progress">is told of bytes, from several threads</param>
/// <param name="licence">is told the licence before the rest is loaded; null stands for none that is named</param>
public sealed class ModelScopeFetch(
    HubSettings settings,
    RepositoryId id,
    FetchRequest request,
    Action<FetchProgress>? progress = null,
    Action<string?>? licence = null
)
{
    private const int PageSize = 200,
        MostPages = 10_000;
    private readonly string _revision = RepositoryFile.Safe(request.Revision ?? "master");
    private readonly string _api = $"{settings.Base}/api/v1/{id.Plural}/{id.Id}/repo";

    private string Folder =>
        Path.Combine(settings.CacheDirectory, id.Plural, id.Id.Replace("/", "--", StringComparison.Ordinal), "snapshots", _revision);

    /// <summary>Fetches what is missing.</summary>
    /// <inheritdoc cref="HubFetch.Run"/>
    public async Task<FetchResult> Run(CancellationToken cancelled = default)
    {
        if (settings.Offline)
        {
            return Offline();
        }
        using Web web = new(settings.Base, settings.Token, settings.Silence, tokenAsCookie: true);
        List<(string Path, long Length, string? Sha256)> listed = await List(web, cancelled).ConfigureAwait(false);
        List<(string Path, long Length, string? Sha256)> wanted = [.. listed.Where(f => request.Takes(f.Path))];
        if (wanted.Count == 0)
        {
            throw new RefusedException($"none of the {listed.Count} files of {id} at {settings.Base} fits");
        }
        List<(string Path, long Length, string? Sha256)> missing = [.. wanted.Where(f => !Has(f, request.Verify, cancelled))];
        Loading loading = new(wanted.Sum(f => f.Length), wanted.Sum(f => f.Length) - missing.Sum(f => f.Length), progress);
        DiskSpace.Check(settings.CacheDirectory, missing.Sum(f => f.Length));
        int card = missing.FindIndex(f => f.Path == "README.md");
        if (card >= 0)
        {
            await Load(web, missing[card], loading, cancelled).ConfigureAwait(false);
            missing.RemoveAt(card);
        }
        string? terms = Licence.OfCard(Path.Combine(Folder, "README.md"));
        if (missing.Count > 0)
        {
            licence?.Invoke(terms);
        }
        await Parallel
            .ForEachAsync(
                missing.OrderByDescending(f => f.Length),
                new ParallelOptions { MaxDegreeOfParallelism = settings.Files, CancellationToken = cancelled },
                async (file, stop) => await Load(web, file, loading, stop).ConfigureAwait(false)
            )
            .ConfigureAwait(false);
        bool unchecked_ = wanted.Any(f => f.Sha256 is null);
        return new FetchResult(
            Folder,
            null,
            wanted.Count,
            wanted.Sum(f => f.Length),
            loading.Loaded,
            terms,
            unchecked_ ? "some files have no checksum in the list and were checked by their lengths" : null
        );
    }

    private async Task Load(Web web, (string Path, long Length, string? Sha256) file, Loading loading, CancellationToken cancelled)
    {
        string place = Path.Combine(Folder, file.Path);
        string address =
            $"{_api}?Revision={Uri.EscapeDataString(_revision)}&FilePath={Uri.EscapeDataString(file.Path).Replace("%20", "+", StringComparison.Ordinal)}";
        using FileLock held = await FileLock
            .Take(Path.Combine(settings.CacheDirectory, ".lock", $"file_{Sha256.Hex(place)}.lock"), cancelled)
            .ConfigureAwait(false);
        if (Has(file, request.Verify, cancelled))
        {
            loading.Found(file.Length);
            return;
        }
        Checksum? checksum = file.Sha256 is { } hash ? new Checksum(ChecksumKind.Sha256, hash) : null;
        await new FileDownload(
            web,
            new Wanted($"{id}/{file.Path}", place, file.Length, checksum),
            (_, _) => Task.FromResult(address),
            loading.Arrived(file.Path)
        )
            .Run(cancelled)
            .ConfigureAwait(false);
    }

    private async Task<List<(string Path, long Length, string? Sha256)>> List(Web web, CancellationToken cancelled)
    {
        List<(string, long, string?)> files = [];
        for (int page = 1; page <= MostPages; page++)
        {
            string address =
                $"{_api}/{(id.Kind == RepositoryKind.Model ? "files" : "tree")}?Revision={Uri.EscapeDataString(_revision)}&Recursive=True"
                + (id.Kind == RepositoryKind.Model ? "" : $"&PageNumber={page}&PageSize={PageSize}");
            (JsonDocument json, HttpResponseMessage answer) = await web.Json(address, Refused, cancelled).ConfigureAwait(false);
            using (json)
            using (answer)
            {
                if (
                    json.RootElement.ValueKind != JsonValueKind.Object
                    || !json.RootElement.TryGetProperty("Data", out JsonElement data)
                    || data.ValueKind != JsonValueKind.Object
                    || !data.TryGetProperty("Files", out JsonElement list)
                    || list.ValueKind != JsonValueKind.Array
                )
                {
                    throw new InvalidDataException(
                        $"{settings.Base} answers with no list of the files of {id}: is that the address of ModelScope?"
                    );
                }
                foreach (JsonElement entry in list.EnumerateArray().Where(e => HubApi.Text(e, "Type") != "tree"))
                {
                    string path = RepositoryFile.Safe(
                        HubApi.Text(entry, "Path") ?? throw new InvalidDataException($"{settings.Base} lists a file of {id} without a path")
                    );
                    files.Add(
                        (
                            path,
                            HubApi.Number(entry, "Size") ?? throw new InvalidDataException($"{settings.Base} lists {path} without a size"),
                            HubApi.Text(entry, "Sha256") is { Length: 64 } hash ? hash : null
                        )
                    );
                }
                // A server that knows no pages gives all of them at once, every time.
                if (id.Kind == RepositoryKind.Model || list.GetArrayLength() != PageSize)
                {
                    break;
                }
            }
        }
        return files;
    }

    private IOException Refused(HttpResponseMessage answer) =>
        (int)answer.StatusCode is 401 or 403 or 404
            ? new RefusedException(
                $"there is no {(id.Kind == RepositoryKind.Model ? "model" : "data set")} {id} with a revision '{_revision}' at {settings.Base}, or it is private: check the name, or set MODELSCOPE_API_TOKEN"
            )
            : new IOException($"{settings.Base} answers {(int)answer.StatusCode} ({answer.ReasonPhrase}) for {id}: try later");

    private bool Has((string Path, long Length, string? Sha256) file, bool verify, CancellationToken cancelled)
    {
        FileInfo there = new(Path.Combine(Folder, file.Path));
        return there.Exists
            && there.Length == file.Length
            && (
                !verify
                || file.Sha256 is null
                || new Checksum(ChecksumKind.Sha256, file.Sha256).Compute(there.FullName, cancelled) == file.Sha256
            );
    }

    private FetchResult Offline()
    {
        if (!Directory.Exists(Folder))
        {
            throw new FileNotFoundException(
                $"offline, and {settings.CacheDirectory} holds no '{_revision}' of {id}: fetch it once with a connection"
            );
        }
        FileInfo[] there = [.. new DirectoryInfo(Folder).EnumerateFiles("*", SearchOption.AllDirectories)];
        return there.FirstOrDefault(f => f.Name.EndsWith(".incomplete", StringComparison.Ordinal)) is { } partial
            ? throw new FileNotFoundException(
                $"offline, and {id} is not whole: {Path.GetRelativePath(Folder, partial.FullName)} is left of a download; fetch once with a connection"
            )
            : new FetchResult(
                Folder,
                null,
                there.Length,
                there.Sum(f => f.Length),
                0,
                Licence.OfCard(Path.Combine(Folder, "README.md")),
                "there is no list of what should be there, so whether that is all cannot be known"
            );
    }
}
