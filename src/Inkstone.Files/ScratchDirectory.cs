namespace Inkstone.Files;

/// <summary>A directory for temporary files that is gone when it is disposed, and when the program has to end at once.</summary>
public sealed class ScratchDirectory : IDisposable
{
    /// <summary>Makes it among the system's temporary files.</summary>
    public ScratchDirectory() => Unfinished.Add(Path);

    /// <summary>The directory.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("ink-").FullName;

    /// <inheritdoc/>
    public void Dispose()
    {
        Directory.Delete(Path, recursive: true);
        Unfinished.Remove(Path);
    }
}
