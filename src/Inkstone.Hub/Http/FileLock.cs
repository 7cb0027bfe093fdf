namespace Inkstone.Hub;

/// <summary>One process at a time loads a file: a lock of the system on an empty file that stays, as the hub's own client has it.</summary>
internal sealed class FileLock : IDisposable
{
    private readonly FileStream _file;

    private FileLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; waits for whoever has it.</summary>
    public static async Task<FileLock> Take(string path, CancellationToken cancelled)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            cancelled.ThrowIfCancellationRequested();
            try
            {
                return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1));
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(100, cancelled).ConfigureAwait(false);
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
