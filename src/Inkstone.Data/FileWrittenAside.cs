namespace Inkstone.Data;

/// <summary>A file that appears under its name only when it is whole: written as a neighbour, flushed to disk, renamed.</summary>
public sealed class FileWrittenAside : IDisposable
{
    private readonly string _path;
    private readonly string _partialPath;
    private bool _committed;

    /// <summary>Opens the neighbour of <paramref name="path"/> for writing; the folder is made when absent.</summary>
    public FileWrittenAside(string path)
    {
        _path = Path.GetFullPath(path);
        _partialPath = _path + ".partial";
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        Stream = new FileStream(_partialPath, FileMode.Create, FileAccess.ReadWrite, FileShare.Read, bufferSize: 1 << 16);
    }

    /// <summary>Where the content goes.</summary>
    public FileStream Stream { get; }

    /// <summary>Makes the content durable and gives it its name, replacing what had that name.</summary>
    public void Commit()
    {
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
        File.Move(_partialPath, _path, overwrite: true);
        _committed = true;
    }

    /// <summary>Removes what was written unless it was committed.</summary>
    public void Dispose()
    {
        if (_committed) return;

        // With a full disk the last buffered bytes cannot be flushed either: the file goes away all the same.
        try { Stream.Dispose(); }
        catch (IOException) { }
        File.Delete(_partialPath);
    }
}
