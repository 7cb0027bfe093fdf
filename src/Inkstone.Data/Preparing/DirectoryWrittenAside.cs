namespace Inkstone.Data;

/// <summary>A folder that appears under its name only when it is whole: filled beside it, then renamed.</summary>
public sealed class DirectoryWrittenAside : IDisposable
{
    private readonly string _target;
    private bool _committed;

    /// <summary>Makes the neighbour of <paramref name="target"/>.</summary>
    /// <param name="target">The folder to make.</param>
    /// <param name="force">Whether a folder of that name may be replaced.</param>
    /// <param name="mark">A file that every folder of this kind holds: one without it is never removed.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public DirectoryWrittenAside(string target, bool force, string mark)
    {
        _target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        if (File.Exists(_target)) throw new ArgumentException($"'{target}' is a file: name a folder to write to.");
        if (Directory.Exists(_target) && Directory.EnumerateFileSystemEntries(_target).Any())
        {
            if (!force) throw new ArgumentException($"The folder '{target}' exists already: name another one, or use --force to replace it.");
            if (!File.Exists(Path.Combine(_target, mark)))
                throw new ArgumentException($"The folder '{target}' holds other things (it has no {mark}) and is not replaced: name another one.");
        }
        Staging = $"{_target}.tmp-{Guid.NewGuid():n}";
        Directory.CreateDirectory(Staging);
    }

    /// <summary>The folder to fill.</summary>
    public string Staging { get; }

    /// <summary>Gives the folder its name.</summary>
    public void Commit()
    {
        string? old = null;
        if (Directory.Exists(_target))
        {
            old = $"{_target}.old-{Guid.NewGuid():n}";
            Directory.Move(_target, old);
        }
        Directory.Move(Staging, _target);
        _committed = true;
        if (old is not null) Directory.Delete(old, recursive: true);
    }

    /// <summary>Removes what was filled unless it was committed.</summary>
    public void Dispose()
    {
        if (!_committed && Directory.Exists(Staging)) Directory.Delete(Staging, recursive: true);
    }
}
