using System.Globalization;

namespace Inkstone.Hub;

/// <summary>A download that cannot fit is refused before it begins.</summary>
internal static class DiskSpace
{
    /// <exception cref="IOException">The disk of the directory has less room than that.</exception>
    public static void Check(string directory, long bytes)
    {
        string? at = Path.GetFullPath(directory);
        while (at is not null && !Directory.Exists(at))
        {
            at = Path.GetDirectoryName(at);
        }
        long free = at is null ? long.MaxValue : new DriveInfo(at).AvailableFreeSpace;
        if (bytes > free)
        {
            throw new IOException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{bytes / 1e9:0.0} GB are to be loaded and the disk of {directory} has {free / 1e9:0.0} GB: free some space or name another place (HF_HOME, or --out)"
                )
            );
        }
    }
}
