using System.Text;

namespace Inkstone.Files;

/// <summary>
/// A file that a reader, or a power cut, meets whole or not at all: written as a neighbour, flushed to the disk, renamed, and the rename
/// flushed.
/// Without <see cref="Commit"/> what had the name keeps it. A link is followed: what it names is replaced.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string _path,
        _partial;

    /// <summary>Opens a neighbour of <paramref name="path"/> for writing; the directory is made when absent.</summary>
    public AtomicFile(string path)
    {
        _path = Place.Real(path);
        _partial = SiblingTemp.Partial(_path);
        DirectoryEntries.Create(Path.GetDirectoryName(_path)!);
        Unfinished.Add(_partial);
        Stream = new FileStream(_partial, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
    }

    /// <summary>Where the content goes.</summary>
    public FileStream Stream { get; }

    /// <summary>Makes the content durable and gives it its name, replacing what had that name.</summary>
    public void Commit()
    {
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
        Unfinished.ThrowIfClosed();
        File.Move(_partial, _path, overwrite: true);
        Unfinished.Remove(_partial);
        DirectoryEntries.Flush(Path.GetDirectoryName(_path)!);
    }

    /// <summary>Removes what was written unless it was committed.</summary>
    public void Dispose()
    {
        // With a full disk the last buffered bytes cannot be written either: the file goes away all the same.
        try
        {
            Stream.Dispose();
        }
        catch (IOException) { }
        if (File.Exists(_partial))
        {
            File.Delete(_partial);
        }
        Unfinished.Remove(_partial);
    }

    /// <summary>Writes a file; when <paramref name="write"/> fails, what had the name keeps it.</summary>
    public static void Write(string path, Action<FileStream> write)
    {
        try
        {
            using AtomicFile file = new(path);
            write(file.Stream);
            file.Commit();
        }
        catch (IOException e) when (DiskFull.IsReasonOf(e))
        {
            throw DiskFull.At(path, e);
        }
    }

    /// <summary>Writes a file of these bytes.</summary>
    public static void Write(string path, byte[] content) => Write(path, stream => stream.Write(content));

    /// <summary>Writes a text file as UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));
}
