using System.Collections.Concurrent;

namespace Inkstone.Files;

/// <summary>
/// What this process is writing and has not given its name yet. Writers tidy up after themselves; a program that has to end at once,
/// while one of them is still at work, calls <see cref="Delete"/> before it does.
/// </summary>
public static class Unfinished
{
    private const string Closed = "";

    private static readonly ConcurrentDictionary<string, bool> Paths = new(StringComparer.Ordinal);

    /// <summary>From now on nothing is begun or given its name: writers end with an <see cref="OperationCanceledException"/> and tidy
    /// up.</summary>
    public static void Close() => Paths[Closed] = true;

    /// <summary>Deletes all of it; nothing new can be begun afterwards.</summary>
    public static void Delete()
    {
        Close();
        foreach (string path in Paths.Keys.Where(path => path != Closed))
        {
            // The writer may add to a directory while it is deleted.
            for (int attempt = 0; attempt < 10 && !TryDelete(path); attempt++)
            {
                Thread.Sleep(10);
            }
            if (
                Paths[path]
                && Path.GetDirectoryName(path) is { } directory
                && Directory.Exists(directory)
                && !Directory.EnumerateFileSystemEntries(directory).Any()
            )
            {
                Directory.Delete(directory);
            }
        }
    }

    /// <summary>A message in which files that are not whole yet bear the names that they would have got.</summary>
    public static string WithFinalNames(string message) => SiblingTemp.WithFinalNames(message);

    /// <param name="path">what is being written</param>
    /// <param name="directoryToo">whether its directory was made for it, and goes with it when nothing else is there</param>
    internal static void Add(string path, bool directoryToo = false)
    {
        ThrowIfClosed();
        Paths[path] = directoryToo;
    }

    internal static void ThrowIfClosed()
    {
        if (Paths.ContainsKey(Closed))
        {
            throw new OperationCanceledException();
        }
    }

    internal static void Remove(string path) => Paths.TryRemove(path, out _);

    private static bool TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
            File.Delete(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
