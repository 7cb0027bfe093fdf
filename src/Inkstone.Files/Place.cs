namespace Inkstone.Files;

/// <summary>Where a path really leads, so that an output is never what is being read under another name.</summary>
public static class Place
{
    private static readonly StringComparison Case = OperatingSystem.IsLinux()
        ? StringComparison.Ordinal
        : StringComparison.OrdinalIgnoreCase;

    /// <summary>The full path with every link on it followed; what does not exist yet keeps its name.</summary>
    public static string Real(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } parent)
        {
            return full;
        }
        full = Path.Combine(Real(parent), Path.GetFileName(full));
        FileSystemInfo entry = Directory.Exists(full) ? new DirectoryInfo(full) : new FileInfo(full);
        return entry.LinkTarget is not null && entry.ResolveLinkTarget(returnFinalTarget: true) is { } target
            ? Real(target.FullName)
            : full;
    }

    /// <summary>Refuses an output that is one of the inputs, or holds one; and a directory that would lie inside of one.</summary>
    /// <param name="output">What will be written.</param>
    /// <param name="file">Whether that is a single file: it may lie in a directory that is read.</param>
    /// <param name="inputs">What is read; null, or what does not exist, stands for nothing.</param>
    /// <exception cref="ArgumentException">They meet.</exception>
    public static void KeepApart(string output, bool file, IEnumerable<string?> inputs)
    {
        string to = Real(output);
        foreach (string input in inputs.OfType<string>().Where(Path.Exists))
        {
            string from = Real(input);
            string? clash =
                to.Equals(from, Case) ? $"{output} is the input {input} itself"
                : Lies(from, to) ? $"{output} holds the input {input}"
                : !file && Lies(to, from) ? $"{output} lies inside the input {input}"
                : null;
            if (clash is not null)
            {
                throw new ArgumentException($"{clash}; name another output");
            }
        }
    }

    private static bool Lies(string inner, string outer) =>
        inner.StartsWith(Path.EndsInDirectorySeparator(outer) ? outer : outer + Path.DirectorySeparatorChar, Case);
}
