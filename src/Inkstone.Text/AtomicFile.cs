namespace Inkstone.Text;

/// <summary>Writes files whole or not at all: under another name, flushed to the disk, then renamed.</summary>
internal static class AtomicFile
{
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string aside = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(aside, path, overwrite: true);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }
    }
}
