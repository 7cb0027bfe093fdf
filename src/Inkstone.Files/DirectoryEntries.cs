using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Files;

/// <summary>
/// A name is in the directory, not in the file: after a power cut it is there only if the directory itself was flushed.
/// Windows journals names by itself, so nothing is done there.
/// </summary>
internal static partial class DirectoryEntries
{
    private const int ReadOnly = 0;

    /// <summary>Makes a directory with those above it, durably.</summary>
    public static void Create(string directory)
    {
        if (Directory.Exists(directory) || Path.GetDirectoryName(directory) is not { } parent)
        {
            return;
        }
        Create(parent);
        Directory.CreateDirectory(directory);
        Flush(parent);
    }

    /// <summary>Flushes the names in <paramref name="directory"/>.</summary>
    public static void Flush(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        int handle = Open(directory, ReadOnly);
        if (handle < 0)
        {
            return; // a directory that may be written but not read: the rename is done, only its flush is left to the system
        }
        _ = Flush(handle);
        _ = Close(handle);
    }

    /// <summary>Flushes the files and names below <paramref name="directory"/>, and its own.</summary>
    /// <exception cref="IOException">The disk did not take them.</exception>
    public static void FlushTree(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        foreach (string file in Directory.EnumerateFiles(directory))
        {
            using SafeFileHandle handle = File.OpenHandle(file);
            RandomAccess.FlushToDisk(handle);
        }
        foreach (string inner in Directory.EnumerateDirectories(directory))
        {
            FlushTree(inner);
        }
        Flush(directory);
    }

    /// <summary>Opens a file for reading without asking whether somebody has locked it; null where it cannot be opened. .NET's own streams
    /// on Unix ask.</summary>
    public static FileStream? OpenUnlocked(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete) : null;
        }
        int handle = Open(path, ReadOnly);
        return handle < 0 ? null : new FileStream(new SafeFileHandle(handle, ownsHandle: true), FileAccess.Read);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
