using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>One repository in the cache that Hugging Face's programs share, read and written in their layout.</summary>
/// <remarks><code>
/// models--ORG--NAME/refs/BRANCH            the commit, without a line end
///                   trees/COMMIT.json      its files with their lengths and hashes
///                   blobs/ETAG             contents
///                   snapshots/COMMIT/PATH  -> ../../blobs/ETAG
/// .locks/models--ORG--NAME/ETAG.lock
/// </code></remarks>
internal sealed class HubCache
{
    private const string Tag = "CACHEDIR.TAG";
    private static readonly JsonWriterOptions TreeForm = new()
    {
        Indented = true,
        IndentSize = 1,
        NewLine = "\n",
    };
    private readonly HubSettings _settings;
    private readonly RepositoryId _id;
    private readonly string _folder;

    /// <summary>The place of a repository, whether there is anything or not.</summary>
    public HubCache(HubSettings settings, RepositoryId id)
    {
        (_settings, _id) = (settings, id);
        _folder = Path.Combine(settings.CacheDirectory, id.Folder);
    }

    /// <summary>The commit that a branch had when it was fetched last, or the commit itself; null where neither is known.</summary>
    public string? Commit(string revision)
    {
        if (HubApi.IsCommit(revision))
        {
            return revision;
        }
        string path = Path.Combine(_folder, "refs", revision);
        return
            RepositoryFile.Safe(revision) is not null
            && File.Exists(path)
            && File.ReadAllText(path) is var commit
            && HubApi.IsCommit(commit)
            ? commit
            : null;
    }

    /// <summary>Branches and the commits that they had.</summary>
    public IReadOnlyDictionary<string, string> Branches
    {
        get
        {
            string refs = Path.Combine(_folder, "refs");
            SortedDictionary<string, string> branches = new(StringComparer.Ordinal);
            foreach (string file in Directory.Exists(refs) ? Directory.EnumerateFiles(refs, "*", SearchOption.AllDirectories) : [])
            {
                branches[Path.GetRelativePath(refs, file).Replace(Path.DirectorySeparatorChar, '/')] = File.ReadAllText(file);
            }
            return branches;
        }
    }

    /// <summary>Commits of which anything is there.</summary>
    public IReadOnlyList<string> Commits =>
        Directory.Exists(Path.Combine(_folder, "snapshots"))
            ?
            [
                .. Directory
                    .EnumerateDirectories(Path.Combine(_folder, "snapshots"))
                    .Select(d => Path.GetFileName(d))
                    .Order(StringComparer.Ordinal),
            ]
            : [];

    /// <summary>The folder with a commit's files.</summary>
    public string Snapshot(string commit) => Path.Combine(_folder, "snapshots", commit);

    /// <summary>What files a commit has, as it was listed; null where that was not kept.</summary>
    /// <exception cref="InvalidDataException">The list is damaged.</exception>
    public IReadOnlyList<RepositoryFile>? Files(string commit)
    {
        string path = TreePath(commit);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return
            [
                .. json
                    .RootElement.GetProperty("files")
                    .EnumerateObject()
                    .Select(f => new RepositoryFile(
                        RepositoryFile.Safe(f.Name),
                        HubApi.Number(f.Value, "lfs_size") ?? HubApi.Number(f.Value, "size") ?? throw new JsonException(),
                        HubApi.Text(f.Value, "blob_id") ?? throw new JsonException(),
                        HubApi.Text(f.Value, "lfs_sha256"),
                        HubApi.Text(f.Value, "xet_hash")
                    )),
            ];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path} is damaged: delete it and fetch again", e);
        }
    }

    /// <summary>Whether a file of a commit is there with the right length; links are followed.</summary>
    public bool Has(string commit, RepositoryFile file) => LengthOf(Path.Combine(Snapshot(commit), file.Path)) == file.Length;

    /// <summary>The first file that is there with other bytes than it should have, of those that are there.</summary>
    public RepositoryFile? Damaged(string commit, IEnumerable<RepositoryFile> files, CancellationToken cancelled = default) =>
        files.FirstOrDefault(f =>
            Has(commit, f) && f.Checksum.Compute(Path.Combine(Snapshot(commit), f.Path), cancelled) != f.Checksum.Hex
        );

    internal bool HasBlob(RepositoryFile file) => LengthOf(Blob(file)) == file.Length;

    internal string Blob(RepositoryFile file) => Path.Combine(_folder, "blobs", file.Etag);

    internal string Lock(RepositoryFile file) => Path.Combine(_settings.CacheDirectory, ".locks", _id.Folder, file.Etag + ".lock");

    internal void KeepFiles(string commit, IReadOnlyList<RepositoryFile> files)
    {
        Mark();
        AtomicFile.Write(
            TreePath(commit),
            stream =>
            {
                using Utf8JsonWriter json = new(stream, TreeForm);
                json.WriteStartObject();
                json.WriteNumber("format_version", 1);
                json.WriteStartObject("files");
                foreach (RepositoryFile file in files.OrderBy(f => f.Path, StringComparer.Ordinal))
                {
                    json.WriteStartObject(file.Path);
                    json.WriteNumber("size", file.Length);
                    json.WriteString("blob_id", file.BlobId);
                    if (file.Sha256 is not null)
                    {
                        json.WriteString("lfs_sha256", file.Sha256);
                        json.WriteNumber("lfs_size", file.Length);
                    }
                    if (file.XetHash is not null)
                    {
                        json.WriteString("xet_hash", file.XetHash);
                    }
                    json.WriteEndObject();
                }
                json.WriteEndObject();
                json.WriteEndObject();
            }
        );
    }

    internal void KeepCommit(string revision, string commit)
    {
        if (!HubApi.IsCommit(revision))
        {
            AtomicFile.WriteText(Path.Combine(_folder, "refs", RepositoryFile.Safe(revision)), commit);
        }
    }

    /// <summary>Puts a blob that is there into a snapshot: as a link, or as itself where there are no links.</summary>
    internal void Place(string commit, RepositoryFile file)
    {
        string path = Path.Combine(Snapshot(commit), file.Path),
            blob = Blob(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (File.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            File.Delete(path);
        }
        try
        {
            if (_settings.Links)
            {
                string up = string.Concat(Enumerable.Repeat("../", 2 + file.Path.Count(c => c == '/')));
                File.CreateSymbolicLink(path, up + "blobs/" + file.Etag);
                return;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows())
        {
            // Links take a right that not every user of Windows has.
        }
        File.Copy(blob, path); // and the blob stays: files of the same content share it
    }

    /// <summary>Length of what a path leads to, or -1.</summary>
    private static long LengthOf(string path)
    {
        FileSystemInfo? end = new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)
            : new FileInfo(path);
        return end is FileInfo { Exists: true } file ? file.Length : -1;
    }

    private string TreePath(string commit) => Path.Combine(_folder, "trees", commit + ".json");

    private void Mark()
    {
        string tag = Path.Combine(_settings.CacheDirectory, Tag);
        if (!File.Exists(tag))
        {
            AtomicFile.WriteText(
                tag,
                "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache: https://bford.info/cachedir/\n"
            );
        }
    }
}
