using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>What to fetch of a repository.</summary>
/// <param name="Revision">branch, tag or commit; null: the hub's main branch</param>
/// <param name="Include">patterns of paths, of which a file must fit one; none: every file</param>
/// <param name="Exclude">patterns of paths to leave out</param>
/// <param name="Share">the share of the files that are taken, chosen by the hash of their paths: the same on every machine, and a smaller
/// share is part of a larger one</param>
/// <param name="Verify">whether files that are there already are checked byte by byte and not by their lengths alone</param>
public sealed record FetchRequest(
    string? Revision = null,
    IReadOnlyList<string>? Include = null,
    IReadOnlyList<string>? Exclude = null,
    double Share = 1,
    bool Verify = false
)
{
    /// <summary>Whether a file is asked for. Documents of the repository (README, licence) are, whatever the share.</summary>
    internal bool Takes(string path) =>
        (Include is not { Count: > 0 } || Include.Any(p => Glob.Fits(p, path)))
        && Exclude?.Any(p => Glob.Fits(p, path)) != true
        && (
            Share >= 1 || Glob.IsAbout(path) || Sha1.First8Bytes(System.Text.Encoding.UTF8.GetBytes(path)) / 18446744073709551616.0 < Share
        );
}

/// <summary>How far a fetch has come.</summary>
/// <param name="Done">bytes that are there</param>
/// <param name="Total">bytes of all that was asked for; 0 while that is not known</param>
/// <param name="Words">what is being done</param>
public readonly record struct FetchProgress(long Done, long Total, string Words);

/// <summary>What a fetch has brought.</summary>
/// <param name="Directory">the folder with the files</param>
/// <param name="Commit">the version, or null where the source has none</param>
/// <param name="Files">files that are there now</param>
/// <param name="Bytes">their bytes</param>
/// <param name="Loaded">bytes that came over the network this time</param>
/// <param name="Licence">the licence that the source names, or null</param>
/// <param name="Note">what the user should know, or null</param>
public sealed record FetchResult(
    string Directory,
    string? Commit,
    int Files,
    long Bytes,
    long Loaded,
    string? Licence,
    string? Note = null
);
