namespace Inkstone.Files;

/// <summary>
/// A directory for the work of one long run, which goes away with the run unless <see cref="Keep"/> has been called: from then on it
/// survives whatever
/// ends the process, and the next run goes on in it. One process has it at a time.
/// </summary>
public sealed class ResumableDirectory : IDisposable
{
    private readonly DirectoryLock _held;
    private bool _kept;

    /// <summary>Takes the directory, which is made when absent; one that is there belongs to an unfinished run and is kept.</summary>
    /// <exception cref="ArgumentException">Another process has it.</exception>
    public ResumableDirectory(string path)
    {
        Path = Place.Real(path);
        _kept = Directory.Exists(Path);
        if (!_kept)
        {
            Unfinished.Add(Path);
        }
        DirectoryEntries.Create(System.IO.Path.GetDirectoryName(Path)!);
        _held = DirectoryLock.Take(Path);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>The work so far is worth keeping.</summary>
    public void Keep()
    {
        _kept = true;
        Unfinished.Remove(Path);
    }

    /// <summary>The work is done, or worth nothing any more.</summary>
    public void Discard() => _kept = false;

    /// <summary>Gives the directory free, and deletes it unless it is kept.</summary>
    public void Dispose()
    {
        _held.Dispose();
        if (!_kept && Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
        Unfinished.Remove(Path);
    }
}
