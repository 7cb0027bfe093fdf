namespace Inkstone.Hub;

/// <summary>Adds up what arrives on several connections and tells of it.</summary>
internal sealed class Loading(long total, long there, Action<FetchProgress>? progress)
{
    private long _done = there,
        _loaded;

    /// <summary>Bytes that came over the network.</summary>
    public long Loaded => Interlocked.Read(ref _loaded);

    /// <summary>Takes the pieces of one file; its first call tells what an earlier process has left.</summary>
    public Action<long> Arrived(string name)
    {
        bool first = true;
        return bytes =>
        {
            if (!first)
            {
                Interlocked.Add(ref _loaded, Math.Max(0, bytes));
            }
            first = false;
            progress?.Invoke(new FetchProgress(Interlocked.Add(ref _done, bytes), total, name));
        };
    }

    /// <summary>A file that was there after all.</summary>
    public void Found(long bytes) => Interlocked.Add(ref _done, bytes);
}
