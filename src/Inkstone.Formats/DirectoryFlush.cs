using System.Runtime.InteropServices;

namespace Inkstone.Formats;

/// <summary>A rename is in the directory, not in the file: after a power cut it is there only if the directory itself was flushed.</summary>
internal static partial class DirectoryFlush
{
    private const int ReadOnly = 0;

    /// <summary>Flushes the entries of <paramref name="directory"/>. Windows journals renames by itself, so nothing is done there.</summary>
    public static void Run(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        int handle = Open(directory, ReadOnly);
        if (handle < 0)
        {
            return;   // a directory that may be written but not read: the rename is done, only its flush is left to the system
        }
        _ = Flush(handle);
        _ = Close(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
