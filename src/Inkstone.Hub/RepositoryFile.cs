namespace Inkstone.Hub;

/// <summary>One file of a repository.</summary>
/// <param name="Path">its path with slashes</param>
/// <param name="Length">its bytes</param>
/// <param name="BlobId">git's id of what the repository holds: the file, or a pointer to it</param>
/// <param name="Sha256">hash of a file that the repository holds a pointer to; null for the others</param>
/// <param name="XetHash">name of that file in the hub's newer store, kept for other programs; or null</param>
internal sealed record RepositoryFile(string Path, long Length, string BlobId, string? Sha256 = null, string? XetHash = null)
{
    /// <summary>The name of its blob.</summary>
    public string Etag => Sha256 ?? BlobId;

    internal Checksum Checksum =>
        Sha256 is not null ? new Checksum(ChecksumKind.Sha256, Sha256) : new Checksum(ChecksumKind.GitBlob, BlobId);

    /// <summary>Refuses a path that would lie outside of the folder that it is put into.</summary>
    /// <exception cref="InvalidDataException">It would.</exception>
    internal static string Safe(string path)
    {
        string[] parts = path.Split('/');
        return
            parts.Any(p => p is "" or "." or "..")
            || path.Contains('\\', StringComparison.Ordinal)
            || path.Contains('\0', StringComparison.Ordinal)
            || OperatingSystem.IsWindows() && path.Contains(':', StringComparison.Ordinal)
            ? throw new InvalidDataException(
                $"the list names a file '{path}', which would lie outside of its folder; nothing of it was loaded"
            )
            : path;
    }
}
