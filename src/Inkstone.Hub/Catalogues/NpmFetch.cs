using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>Fetches a package of the registry that npm is set up for (npm_config_registry, else what npm itself says) and unpacks it into a
/// folder; the registry's checksum is held.</summary>
/// <param name="package">its name, with @VERSION where not the newest is wanted</param>
/// <param name="directory">where its files go</param>
/// <param name="progress">is told of bytes</param>
public sealed class NpmFetch(string package, string directory, Action<FetchProgress>? progress = null)
{
    /// <summary>The program that is asked for the registry.</summary>
    internal string Npm { get; init; } = OperatingSystem.IsWindows() ? "npm.cmd" : "npm";

    /// <summary>Fetches the package unless that version is there.</summary>
    /// <inheritdoc cref="PlainFetch.Run"/>
    public async Task<FetchResult> Run(CancellationToken cancelled = default)
    {
        int at = package.LastIndexOf('@');
        (string name, string version) = at > 0 ? (package[..at], package[(at + 1)..]) : (package, "latest");
        string stamp = Path.Combine(directory, "package.json");
        if (at > 0 && VersionOf(stamp) == version)
        {
            return Result(stamp, 0);
        }
        string registry = await NpmRegistry.Find(Npm, cancelled).ConfigureAwait(false);
        using Web web = new(null, null, TimeSpan.FromSeconds(30));
        (JsonDocument json, HttpResponseMessage answer) = await web.Json(
                $"{registry}/{Uri.EscapeDataString(name).Replace("%40", "@", StringComparison.Ordinal)}/{Uri.EscapeDataString(version)}",
                a => new RefusedException($"{registry} has no package {package} ({(int)a.StatusCode}, {a.ReasonPhrase})"),
                cancelled
            )
            .ConfigureAwait(false);
        using (json)
        using (answer)
        {
            if (
                HubApi.Text(json.RootElement, "version") is not { } newest
                || !json.RootElement.TryGetProperty("dist", out JsonElement dist)
                || HubApi.Text(dist, "tarball") is not { } tarball
                || HubApi.Text(dist, "shasum") is not { } hash
            )
            {
                throw new InvalidDataException($"{registry} says nothing of where {package} is: is that the address of a registry of npm?");
            }
            if (VersionOf(stamp) == newest)
            {
                return Result(stamp, 0);
            }
            string packages = Path.GetDirectoryName(Path.GetFullPath(directory))!;
            string file = Path.Combine(packages, $"{name.Replace('/', '-')}-{newest}.tgz");
            FetchResult loaded = await new PlainFetch(tarball, packages, progress) { Name = Path.GetFileName(file), Hash = hash }
                .Run(cancelled)
                .ConfigureAwait(false);
            Unpack(file);
            File.Delete(file);
            return Result(stamp, loaded.Loaded);
        }
    }

    private void Unpack(string file) =>
        AtomicDirectory.Write(
            directory,
            overwrite: true,
            staging =>
            {
                using FileStream packed = File.OpenRead(file);
                using GZipStream plain = new(packed, CompressionMode.Decompress);
                using TarReader tar = new(plain);
                while (tar.GetNextEntry() is { } entry)
                {
                    // Everything lies in one folder, most often called package.
                    if (
                        entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile
                        && entry.Name.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash
                    )
                    {
                        string place = Path.Combine(staging, RepositoryFile.Safe(entry.Name[(slash + 1)..]));
                        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
                        entry.ExtractToFile(place, overwrite: true);
                    }
                }
            }
        );

    private FetchResult Result(string stamp, long loaded)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(stamp));
        FileInfo[] files =
        [
            .. new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Where(f => f.Name != WrittenFiles.FileName),
        ];
        return new FetchResult(
            directory,
            HubApi.Text(json.RootElement, "version"),
            files.Length,
            files.Sum(f => f.Length),
            loaded,
            HubApi.Text(json.RootElement, "license")
        );
    }

    private static string? VersionOf(string stamp)
    {
        if (!File.Exists(stamp))
        {
            return null;
        }
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(stamp));
        return HubApi.Text(json.RootElement, "version");
    }
}
