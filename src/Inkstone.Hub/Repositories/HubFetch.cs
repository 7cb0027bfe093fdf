namespace Inkstone.Hub;

/// <summary>
/// Fetches a repository of Hugging Face's hub, or of a mirror, into the cache that its own programs share. Files come several at once, and
/// large ones over
/// several connections; what has arrived is never asked for again; every file is checked by the hash that the hub lists.
/// </summary>
/// <param name="settings">the hub and its cache</param>
/// <param name="id">the repository</param>
/// <param name="request">what of it</param>
/// <param name="progress">is told of bytes, from several threads</param>
/// <param name="licence">is told the licence before the rest is loaded; null stands for none that is named</param>
public sealed class HubFetch(
    HubSettings settings,
    RepositoryId id,
    FetchRequest request,
    Action<FetchProgress>? progress = null,
    Action<string?>? licence = null
)
{
    private readonly HubCache _cache = new(settings, id);
    private readonly string _revision = request.Revision ?? "main";

    /// <summary>Fetches what is missing.</summary>
    /// <exception cref="RefusedException">The hub does not give it.</exception>
    /// <exception cref="IOException">The network does not bring it; what has arrived is kept.</exception>
    /// <exception cref="InvalidDataException">What the hub says, or sends, cannot be right.</exception>
    /// <exception cref="FileNotFoundException">Offline, and the cache does not hold it.</exception>
    public async Task<FetchResult> Run(CancellationToken cancelled = default)
    {
        RepositoryFile.Safe(_revision);
        if (settings.Offline)
        {
            return Offline(cancelled);
        }
        using Web web = new(settings.Base, settings.Token, settings.Silence);
        HubApi api = new(web, settings, id);
        string commit = HubApi.IsCommit(_revision) ? _revision : await api.Resolve(_revision, cancelled).ConfigureAwait(false);
        IReadOnlyList<RepositoryFile>? kept = _cache.Files(commit);
        IReadOnlyList<RepositoryFile> listed = kept ?? await api.List(commit, cancelled).ConfigureAwait(false);
        List<RepositoryFile> wanted = [.. listed.Where(f => request.Takes(f.Path))];
        if (wanted.Count == 0)
        {
            throw new RefusedException(
                listed.Count == 0
                    ? $"{id} is empty at {commit}"
                    : $"none of the {listed.Count} files of {id} fits: it has {string.Join(", ", listed.Take(5).Select(f => f.Path))}{(listed.Count > 5 ? ", …" : "")}"
            );
        }
        HashSet<string> damaged = request.Verify ? [.. Damaged(commit, wanted, cancelled)] : [];
        List<RepositoryFile> missing = [.. wanted.Where(f => damaged.Contains(f.Path) || !_cache.Has(commit, f))];
        Loading loading = new(wanted.Sum(f => f.Length), wanted.Sum(f => f.Length) - missing.Sum(f => f.Length), progress);
        DiskSpace.Check(settings.CacheDirectory, missing.Where(f => !_cache.HasBlob(f)).Sum(f => f.Length));

        if (missing.FirstOrDefault(f => f.Path == "README.md") is { } card)
        {
            await Load(web, api, commit, card, damaged, loading, cancelled).ConfigureAwait(false);
            missing.Remove(card);
        }
        string? terms = Licence.OfCard(Path.Combine(_cache.Snapshot(commit), "README.md"));
        if (missing.Count > 0)
        {
            licence?.Invoke(terms);
        }
        await Parallel
            .ForEachAsync(
                missing.OrderByDescending(f => f.Length),
                new ParallelOptions { MaxDegreeOfParallelism = settings.Files, CancellationToken = cancelled },
                async (file, stop) => await Load(web, api, commit, file, damaged, loading, stop).ConfigureAwait(false)
            )
            .ConfigureAwait(false);
        if (kept is null)
        {
            _cache.KeepFiles(commit, listed);
        }
        _cache.KeepCommit(_revision, commit); // last: until all is there, the branch is what it was
        return new FetchResult(_cache.Snapshot(commit), commit, wanted.Count, wanted.Sum(f => f.Length), loading.Loaded, terms);
    }

    private async Task Load(
        Web web,
        HubApi api,
        string commit,
        RepositoryFile file,
        HashSet<string> damaged,
        Loading loading,
        CancellationToken cancelled
    )
    {
        string? address = null;
        using FileLock held = await FileLock.Take(_cache.Lock(file), cancelled).ConfigureAwait(false);
        if (damaged.Contains(file.Path) || !_cache.HasBlob(file))
        {
            // A repository may be gated, or be no hub at all: that shows here, before anything is written.
            address = await api.Locate(commit, file.Path, cancelled).ConfigureAwait(false);
            Wanted wanted = new($"{id}/{file.Path}", _cache.Blob(file), file.Length, file.Checksum);
            await new FileDownload(
                web,
                wanted,
                async (fresh, stop) => fresh ? address = await api.Locate(commit, file.Path, stop).ConfigureAwait(false) : address,
                loading.Arrived(file.Path)
            )
                .Run(cancelled)
                .ConfigureAwait(false);
        }
        else
        {
            loading.Found(file.Length);
        }
        _cache.Place(commit, file);
    }

    private FetchResult Offline(CancellationToken cancelled)
    {
        string commit =
            _cache.Commit(_revision)
            ?? throw new FileNotFoundException(
                $"offline, and {settings.CacheDirectory} holds no '{_revision}' of {id}: fetch it once with a connection"
            );
        string snapshot = _cache.Snapshot(commit);
        if (!Directory.Exists(snapshot))
        {
            throw new FileNotFoundException(
                $"offline, and {settings.CacheDirectory} holds nothing of {id} at {commit}: fetch it once with a connection"
            );
        }
        string? terms = Licence.OfCard(Path.Combine(snapshot, "README.md"));
        if (_cache.Files(commit) is not { } listed)
        {
            string[] there = Directory.GetFiles(snapshot, "*", SearchOption.AllDirectories);
            return new FetchResult(
                snapshot,
                commit,
                there.Length,
                there.Sum(f => new FileInfo(f).Length),
                0,
                terms,
                "there is no list of what should be there, so whether that is all cannot be known"
            );
        }
        List<RepositoryFile> wanted = [.. listed.Where(f => request.Takes(f.Path))];
        HashSet<string> damaged = request.Verify ? [.. Damaged(commit, wanted, cancelled)] : [];
        string[] missing = [.. wanted.Where(f => damaged.Contains(f.Path) || !_cache.Has(commit, f)).Select(f => f.Path)];
        return missing.Length == 0
            ? new FetchResult(snapshot, commit, wanted.Count, wanted.Sum(f => f.Length), 0, terms)
            : throw new FileNotFoundException(
                $"offline, and {id} at {commit} is not whole: {string.Join(", ", missing.Take(5))}{(missing.Length > 5 ? $" and {missing.Length - 5} more" : "")} {(missing.Length == 1 ? "is" : "are")} missing or damaged; fetch once with a connection"
            );
    }

    private List<string> Damaged(string commit, List<RepositoryFile> wanted, CancellationToken cancelled)
    {
        List<string> damaged = [];
        foreach (RepositoryFile file in wanted)
        {
            progress?.Invoke(new FetchProgress(0, 0, "checking " + file.Path));
            if (_cache.Damaged(commit, [file], cancelled) is not null)
            {
                damaged.Add(file.Path);
            }
        }
        return damaged;
    }
}
