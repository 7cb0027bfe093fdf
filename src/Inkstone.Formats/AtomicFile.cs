namespace Inkstone.Formats;

/// <summary>Writes files and directories so that a reader, or a power cut, meets the old one or the new one and never half of it.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file under a temporary name, flushes it to the disk and renames it.</summary>
    public static void Write(string path, Action<FileStream> write)
    {
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string partial = $"{full}.{Environment.ProcessId}.partial";
        try
        {
            using (FileStream stream = new(partial, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(partial, full, overwrite: true);
            DirectoryFlush.Run(Path.GetDirectoryName(full)!);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>Writes a text file as UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>
    /// Lets <paramref name="fill"/> write into a fresh directory beside <paramref name="path"/>, then renames it.
    /// An existing directory is an error unless <paramref name="overwrite"/> is set, and then is replaced as a whole.
    /// </summary>
    public static void WriteDirectory(string path, bool overwrite, Action<string> fill)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        bool exists = Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any();
        if (File.Exists(full) || exists && !overwrite)
        {
            throw new ArgumentException($"{path} exists already; name another place or allow it to be overwritten.", nameof(path));
        }
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string partial = $"{full}.{Environment.ProcessId}.partial", old = $"{full}.{Environment.ProcessId}.old";
        try
        {
            Directory.CreateDirectory(partial);
            fill(partial);
            DirectoryFlush.Run(partial);
            if (Directory.Exists(full))
            {
                Directory.Move(full, old);
            }
            Directory.Move(partial, full);
            DirectoryFlush.Run(Path.GetDirectoryName(full)!);
        }
        catch
        {
            if (!Directory.Exists(full) && Directory.Exists(old))
            {
                Directory.Move(old, full);
            }
            if (Directory.Exists(partial))
            {
                Directory.Delete(partial, recursive: true);
            }
            throw;
        }
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }
    }
}
