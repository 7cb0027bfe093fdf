namespace Inkstone.Data;

/// <summary>Finds the files behind the paths that a user names.</summary>
public static class InputFiles
{
    private static readonly string[] JsonLines = [".jsonl", ".ndjson", ".json"];
    private static readonly string[] Parquet = [".parquet"];
    private static readonly string[] Tables = [".arrow", ".arrows", ".feather", ".ipc", ".csv", ".tsv"];
    private static readonly string[] Packed = [".gz", ".zst"];

    /// <summary>Files that the library datasets keeps beside its tables, and that hold no rows.</summary>
    private static readonly string[] Beside = ["state.json", "dataset_info.json", "dataset_dict.json"];
    private static readonly string[] PlainText = [".txt", ".text", ".md"];

    /// <summary>Files as they are; folders as the tables (Parquet, Arrow, CSV), JSONL and text files (also gzipped or zstd) below them,
    /// sorted by ordinal path, hidden ones and the program's own metadata.json left out.</summary>
    /// <exception cref="FileNotFoundException">A path does not exist, or a folder holds nothing to read.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> paths)
    {
        List<string> files = [];
        foreach (string path in paths)
        {
            if (File.Exists(path))
            {
                files.Add(path);
                continue;
            }
            if (!Directory.Exists(path))
            {
                throw new FileNotFoundException($"there is no file or folder '{path}': check the path.", path);
            }

            string[] found =
            [
                .. Directory
                    .EnumerateFiles(path, "*", SearchOption.AllDirectories)
                    .Where(f => IsText(f) && !IsHidden(f, path))
                    .Order(StringComparer.Ordinal),
            ];
            if (found.Any(f => f.EndsWith(".arrow", StringComparison.Ordinal)))
            {
                found = [.. found.Where(f => !Beside.Contains(Path.GetFileName(f)))];
            }
            if (found.Length == 0)
            {
                throw new FileNotFoundException(
                    $"the folder '{path}' holds no {string.Join(", ", JsonLines.Concat(Parquet).Concat(Tables).Concat(PlainText))} file (plain, .gz or .zst): name the files themselves if they end otherwise.",
                    path
                );
            }
            files.AddRange(found);
        }
        return files;
    }

    /// <summary>Whether a file is read line by line as JSON; anything else is plain text.</summary>
    public static bool IsJsonLines(string path) => JsonLines.Contains(Extension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a file is read as Parquet: it is called so, or begins so.</summary>
    public static bool IsParquet(string path) =>
        Parquet.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase) || ParquetFile.IsParquet(path);

    /// <summary>Whether a file is called as plain text is.</summary>
    public static bool IsPlainText(string path) => PlainText.Contains(Extension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a file is read as rows of Arrow or CSV: it is called so, or begins so.</summary>
    public static bool IsTable(string path) => CsvRows.IsCsv(path) || ArrowRows.IsArrow(path);

    private static bool IsText(string path) =>
        IsJsonLines(path)
        || IsPlainText(path)
        || Tables.Contains(Extension(path), StringComparer.OrdinalIgnoreCase)
        || Parquet.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    private static bool IsHidden(string file, string root) =>
        Path.GetRelativePath(root, file)
            .Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar)
            .Any(part => part.StartsWith('.') || part == "metadata.json");

    /// <summary>The ending that says what a file holds: that of a packed file is the one before.</summary>
    internal static string Extension(string path)
    {
        string extension = Path.GetExtension(path);
        return Packed.Contains(extension, StringComparer.OrdinalIgnoreCase) ? Path.GetExtension(path[..^extension.Length]) : extension;
    }
}
