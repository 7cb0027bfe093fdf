namespace Inkstone.Files;

/// <summary>
/// A directory that appears under its name whole or not at all: filled beside it, flushed with everything in it, renamed, and the rename
/// flushed.
/// Without <see cref="Commit"/> what had the name keeps it. Only what an earlier one of these wrote is ever replaced:
/// <see cref="WrittenFiles"/> tells.
/// </summary>
public sealed class AtomicDirectory : IDisposable
{
    private readonly string _path;

    /// <summary>Makes a neighbour of <paramref name="path"/> to fill.</summary>
    /// <param name="path">The directory to make.</param>
    /// <param name="overwrite">Whether a directory of that name may be replaced, if the program wrote it; an empty one always may.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public AtomicDirectory(string path, bool overwrite)
    {
        _path = Place.Real(path);
        RefuseTaken(path, overwrite);
        Staging = SiblingTemp.Partial(_path);
        DirectoryEntries.Create(Path.GetDirectoryName(_path)!);
        Unfinished.Add(Staging);
        Directory.CreateDirectory(Staging);
    }

    /// <summary>The directory to fill.</summary>
    public string Staging { get; }

    /// <summary>Refuses a name that is taken: a file, a directory unless it may be overwritten, and one with anything in it that the
    /// program did not write.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public static void RefuseTaken(string path, bool overwrite)
    {
        bool taken = File.Exists(path) || Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any();
        if (taken && !(overwrite && Directory.Exists(path)))
        {
            throw new ArgumentException(
                File.Exists(path)
                    ? $"{path} exists already and is a file; name a directory"
                    : $"{path} exists already; name another output or add --force to overwrite it"
            );
        }
        RefuseForeign(path, path);
    }

    /// <summary>Makes the content durable and gives it its name; what had that name is deleted.</summary>
    public void Commit()
    {
        WrittenFiles.Record(Staging);
        DirectoryEntries.FlushTree(Staging);
        Unfinished.ThrowIfClosed();
        string? old = Directory.Exists(_path) ? SiblingTemp.Old(_path) : null;
        if (old is not null)
        {
            Directory.Move(_path, old);
        }
        try
        {
            RefuseForeign(_path, old); // something may have come while we were filling
            Directory.Move(Staging, _path);
        }
        catch when (old is not null)
        {
            Directory.Move(old, _path);
            throw;
        }
        Unfinished.Remove(Staging);
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
        Unfinished.Remove(Staging);
    }

    /// <summary>Writes a directory; when <paramref name="fill"/> fails, what had the name keeps it.</summary>
    /// <inheritdoc cref="AtomicDirectory(string, bool)"/>
    public static void Write(string path, bool overwrite, Action<string> fill)
    {
        try
        {
            using AtomicDirectory directory = new(path, overwrite);
            fill(directory.Staging);
            directory.Commit();
        }
        catch (IOException e) when (DiskFull.IsReasonOf(e))
        {
            throw DiskFull.At(path, e);
        }
    }

    /// <summary>Deletes a directory, which loses its name first: what bears the name is always whole. One that holds anything else than the
    /// program's files stays.</summary>
    public static void Delete(string path)
    {
        if (WrittenFiles.Read(path).Foreign(contents: false) is not null)
        {
            return;
        }
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)),
            doomed = SiblingTemp.Partial(full);
        Directory.Move(full, doomed);
        DirectoryEntries.Flush(Path.GetDirectoryName(full)!);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>Deletes from <paramref name="directory"/> what killed writers have left, and gives a directory its name back whose
    /// successor has not come; no writer may be at work there.</summary>
    public static void Sweep(string directory)
    {
        foreach (string file in Directory.GetFiles(directory).Where(SiblingTemp.IsPartial))
        {
            File.Delete(file);
        }
        foreach (string left in Directory.GetDirectories(directory))
        {
            string? name = SiblingTemp.FormerName(left);
            if (name is not null && !Directory.Exists(name))
            {
                Directory.Move(left, name);
                DirectoryEntries.Flush(directory);
            }
            else if (name is not null || SiblingTemp.IsPartial(left))
            {
                Directory.Delete(left, recursive: true);
            }
        }
    }

    private static void RefuseForeign(string path, string? place)
    {
        if (Directory.Exists(place) && WrittenFiles.Read(place).Foreign() is { } foreign)
        {
            throw new ArgumentException($"{path} holds {foreign}; only what ink wrote is replaced: move it away or name another output");
        }
    }
}
