namespace Inkstone.Files;

/// <summary>
/// A directory that appears under its name whole or not at all: filled beside it, flushed with everything in it, renamed, and the rename flushed.
/// Without <see cref="Commit"/> what had the name keeps it.
/// </summary>
public sealed class AtomicDirectory : IDisposable
{
    private readonly string _path;

    /// <summary>Makes a neighbour of <paramref name="path"/> to fill.</summary>
    /// <param name="path">The directory to make.</param>
    /// <param name="overwrite">Whether a directory of that name may be replaced; an empty one always may.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public AtomicDirectory(string path, bool overwrite)
    {
        _path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(_path) || !overwrite && Directory.Exists(_path) && Directory.EnumerateFileSystemEntries(_path).Any())
        {
            throw new ArgumentException($"{path} exists already; name another place or allow it to be overwritten.", nameof(path));
        }
        Staging = Neighbour.Partial(_path);
        DirectoryEntries.Create(Path.GetDirectoryName(_path)!);
        Directory.CreateDirectory(Staging);
    }

    /// <summary>The directory to fill.</summary>
    public string Staging { get; }

    /// <summary>Makes the content durable and gives it its name; what had that name is deleted.</summary>
    public void Commit()
    {
        DirectoryEntries.FlushTree(Staging);
        string? old = Directory.Exists(_path) ? Neighbour.Old(_path) : null;
        if (old is not null)
        {
            Directory.Move(_path, old);
        }
        try
        {
            Directory.Move(Staging, _path);
        }
        catch when (old is not null)
        {
            Directory.Move(old, _path);
            throw;
        }
        DirectoryEntries.Flush(Path.GetDirectoryName(_path)!);
        if (old is not null)
        {
            Directory.Delete(old, recursive: true);
        }
    }

    /// <summary>Removes what was filled unless it was committed.</summary>
    public void Dispose()
    {
        if (Directory.Exists(Staging))
        {
            Directory.Delete(Staging, recursive: true);
        }
    }

    /// <summary>Writes a directory; when <paramref name="fill"/> fails, what had the name keeps it.</summary>
    /// <inheritdoc cref="AtomicDirectory(string, bool)"/>
    public static void Write(string path, bool overwrite, Action<string> fill)
    {
        using AtomicDirectory directory = new(path, overwrite);
        fill(directory.Staging);
        directory.Commit();
    }

    /// <summary>Deletes a directory, which loses its name first: what bears the name is always whole.</summary>
    public static void Delete(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), doomed = Neighbour.Partial(full);
        Directory.Move(full, doomed);
        DirectoryEntries.Flush(Path.GetDirectoryName(full)!);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>Deletes from <paramref name="directory"/> what killed writers have left, and gives a directory its name back whose successor has not come; no writer may be at work there.</summary>
    public static void Sweep(string directory)
    {
        foreach (string file in Directory.GetFiles(directory).Where(Neighbour.IsPartial))
        {
            File.Delete(file);
        }
        foreach (string left in Directory.GetDirectories(directory))
        {
            string? name = Neighbour.FormerName(left);
            if (name is not null && !Directory.Exists(name))
            {
                Directory.Move(left, name);
                DirectoryEntries.Flush(directory);
            }
            else if (name is not null || Neighbour.IsPartial(left))
            {
                Directory.Delete(left, recursive: true);
            }
        }
    }
}
