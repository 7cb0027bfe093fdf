using System.IO.MemoryMappedFiles;

namespace Inkstone.Formats;

/// <summary>A whole file as read-only memory, until it is disposed.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Maps a file that is not empty, and takes its stream over.</summary>
    public MappedFile(FileStream stream)
    {
        long length = stream.Length;
        _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        Start = start + _view.PointerOffset;
    }

    /// <summary>The first byte; valid until disposed.</summary>
    public byte* Start { get; }

    /// <summary>Opens a file for a reader, which owns the stream unless it throws.</summary>
    public static T Open<T>(string path, Func<string, FileStream, T> read)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no file {path}.", path);
        }
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        try
        {
            return read(path, stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }
}
