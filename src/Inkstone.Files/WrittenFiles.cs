using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;

namespace Inkstone.Files;

/// <summary>
/// The hidden list <c>.ink-files</c> of a directory: the files that the program wrote there, with their lengths and hashes. It tells the
/// program's
/// own files, which may be replaced, from everything else, which may not; and whole ones from damaged ones.
/// </summary>
public sealed class WrittenFiles
{
    /// <summary>Name of the list.</summary>
    public const string FileName = ".ink-files";

    private const string Title = "# written by ink: XXH128, bytes, path";

    private readonly string _directory;
    private readonly SortedDictionary<string, (string Hash, long Length)> _files = new(StringComparer.Ordinal);

    private WrittenFiles(string directory) => _directory = directory;

    /// <summary>The list of a directory; empty where there is none.</summary>
    public static WrittenFiles Read(string directory)
    {
        WrittenFiles written = new(directory);
        string path = Path.Combine(directory, FileName);
        string[] lines = File.Exists(path) ? File.ReadAllLines(path) : [];
        foreach (string line in lines is [Title, ..] ? lines[1..] : [])
        {
            if (
                line.Split(' ', 3) is [var hash, var length, var name]
                && long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            )
            {
                written._files[name] = (hash, bytes);
            }
        }
        return written;
    }

    /// <summary>Names of the listed files.</summary>
    public IReadOnlyCollection<string> Names => _files.Keys;

    /// <summary>Whether a file is listed.</summary>
    public bool Contains(string name) => _files.ContainsKey(name);

    /// <summary>Lists everything that is in a directory now.</summary>
    public static void Record(string directory)
    {
        WrittenFiles written = new(directory);
        foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(directory, file).Replace(Path.DirectorySeparatorChar, '/');
            if (name != FileName)
            {
                written.Note(name);
            }
        }
        written.Save();
    }

    /// <summary>Adds a file that was just written to the list, or what it holds now.</summary>
    public void Add(string name)
    {
        Note(name);
        Save();
    }

    /// <summary>The first thing in the directory that is not as the program wrote it, in words; null: all of it may be replaced.</summary>
    /// <param name="known">Names that the caller has looked at itself.</param>
    /// <param name="contents">False compares names and lengths only.</param>
    public string? Foreign(Func<string, bool>? known = null, bool contents = true) =>
        Foreign(new DirectoryInfo(_directory), "", known, contents);

    /// <summary>The first listed file that is missing or damaged, in words; null: none is.</summary>
    /// <remarks>People edit JSON and templates, so those are whole while they can be read; everything else must be what was
    /// written.</remarks>
    public string? Damage()
    {
        foreach ((string name, (_, long length)) in _files)
        {
            FileInfo file = new(Path.Combine(_directory, name));
            if (!file.Exists)
            {
                return $"{name} is missing";
            }
            if (IsEdited(name) ? !CanBeRead(file) : file.Length != length)
            {
                return $"{name} has {file.Length} bytes where {length} were written";
            }
            if (!IsEdited(name) && !IsAsWritten(name, file))
            {
                return $"{name} holds other bytes than were written";
            }
        }
        return null;
    }

    private static bool IsEdited(string name) => Path.GetExtension(name) is ".json" or ".jinja" or ".txt" or ".md";

    private static bool CanBeRead(FileInfo file)
    {
        if (file.Extension != ".json")
        {
            return true;
        }
        try
        {
            using FileStream stream = file.OpenRead();
            using JsonDocument document = JsonDocument.Parse(stream);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private string? Foreign(DirectoryInfo directory, string prefix, Func<string, bool>? known, bool contents)
    {
        foreach (FileSystemInfo entry in directory.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            string name = prefix + entry.Name;
            if (name is FileName or DirectoryLock.FileName || SiblingTemp.IsPartial(name) || known?.Invoke(name) == true)
            {
                continue;
            }
            string? found =
                entry.LinkTarget is not null ? $"the link {name}, which ink did not make"
                : entry is DirectoryInfo inner ? Foreign(inner, name + "/", known, contents)
                : !_files.TryGetValue(name, out (string Hash, long Length) file) ? $"{name}, which ink did not write"
                : ((FileInfo)entry).Length != file.Length || contents && !IsAsWritten(name, (FileInfo)entry)
                    ? $"{name}, which was changed after ink wrote it"
                : null;
            if (found is not null)
            {
                return found;
            }
        }
        return null;
    }

    private bool IsAsWritten(string name, FileInfo file) => _files[name] == (Hash(file), file.Length);

    private void Note(string name)
    {
        FileInfo file = new(Path.Combine(_directory, name));
        _files[name] = (Hash(file), file.Length);
    }

    private static string Hash(FileInfo file)
    {
        XxHash128 hash = new();
        using FileStream stream = new(
            file.FullName,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite,
            bufferSize: 0,
            FileOptions.SequentialScan
        );
        byte[] buffer = new byte[1 << 18];
        for (int read; (read = stream.Read(buffer)) > 0; )
        {
            hash.Append(buffer.AsSpan(0, read));
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private void Save()
    {
        StringBuilder text = new(Title);
        foreach ((string name, (string hash, long length)) in _files)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{hash} {length} {name}");
        }
        AtomicFile.WriteText(Path.Combine(_directory, FileName), text.Append('\n').ToString());
    }
}
