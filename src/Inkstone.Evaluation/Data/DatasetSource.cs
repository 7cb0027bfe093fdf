using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// Finds a task's data: files that it names; else a directory, of those given or of the hub's cache, whose files are called after splits,
/// as in
/// <c>ORG/NAME/CONFIG/test-00000-of-00001.parquet</c>.
/// </summary>
/// <param name="directories">directories that may hold data sets under their names, before the hub's cache</param>
/// <param name="elsewhere">the files of a data set's split, by its path, configuration and split, where they lie elsewhere; asked
/// first</param>
internal sealed class DatasetSource(
    IReadOnlyList<string> directories,
    Func<string, string?, string, IReadOnlyList<string>?>? elsewhere = null
)
{
    private static readonly string[] Builders = ["json", "csv", "parquet", "text"];

    private static readonly Dictionary<string, string[]> SplitWords = new(StringComparer.Ordinal)
    {
        ["train"] = ["train", "training"],
        ["validation"] = ["validation", "valid", "val", "dev"],
        ["test"] = ["test", "testing", "eval", "evaluation"],
    };

    private readonly Dictionary<string, Dataset> _read = new(StringComparer.Ordinal);

    /// <summary>A split of a task's data.</summary>
    /// <param name="task">the task's configuration</param>
    /// <param name="split">the split's name</param>
    /// <param name="taskFile">the task's file; paths in it are sought from here, from beside it, and from above it</param>
    /// <exception cref="InvalidDataException">The data are not here; the message says where they were sought.</exception>
    public Dataset Load(TaskConfig task, string split, string? taskFile)
    {
        string path = task.Text("dataset_path") ?? throw new InvalidDataException($"{task.Place}: the task has no dataset_path.");
        DictValue options = task.Get("dataset_kwargs") as DictValue ?? new DictValue([]);
        IReadOnlyList<string> files =
            elsewhere?.Invoke(path, task.Text("dataset_name"), split)
            ?? (Builders.Contains(path) ? Named(task, options, split, taskFile) : Found(task, path, options, split, taskFile));
        string key = string.Join('\n', files) + options.Repr;
        if (!_read.TryGetValue(key, out Dataset? data))
        {
            _read[key] = data = DatasetFiles.Read(files, options.Text("field"), options.Text("delimiter") ?? options.Text("sep"));
        }
        return data;
    }

    /// <summary>Files that dataset_kwargs names: one for each split, or one that is the training split.</summary>
    private static List<string> Named(TaskConfig task, DictValue options, string split, string? taskFile)
    {
        Value? given =
            options.Get("data_files") is DictValue splits ? splits.Get(split)
            : split == "train" ? options.Get("data_files")
            : null;
        if (given is null)
        {
            throw new InvalidDataException($"{task.Place}: dataset_kwargs names no data_files for the split '{split}'.");
        }
        string? folder = options.Text("data_dir");
        return
        [
            .. (given is ListValue several ? several.Elements : [given]).SelectMany(f =>
                Files(task, folder is null ? f.Text : Path.Combine(folder, f.Text), taskFile)
            ),
        ];
    }

    private static string[] Files(TaskConfig task, string name, string? taskFile)
    {
        if (name.Contains("://", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{task.Place}: the data lie at {name}; fetch the file and name it in data_files.");
        }
        foreach (string root in Roots(taskFile))
        {
            string path = Path.GetFullPath(name, root);
            if (File.Exists(path))
            {
                return [path];
            }
            if (name.AsSpan().IndexOfAny('*', '?') >= 0 && Directory.Exists(Path.GetDirectoryName(path)))
            {
                string[] matching =
                [
                    .. Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path)).Order(StringComparer.Ordinal),
                ];
                if (matching.Length > 0)
                {
                    return matching;
                }
            }
        }
        throw new FileNotFoundException(
            $"{task.Place}: there is no file '{name}', neither from here nor from beside the task file or above it; check data_files"
        );
    }

    private static IEnumerable<string> Roots(string? taskFile)
    {
        yield return Directory.GetCurrentDirectory();
        for (string? at = Path.GetDirectoryName(taskFile); at is not null; at = Path.GetDirectoryName(at))
        {
            yield return at;
        }
    }

    private List<string> Found(TaskConfig task, string path, DictValue options, string split, string? taskFile)
    {
        List<string> places =
        [
            .. Roots(taskFile).Select(r => Path.GetFullPath(path, r)),
            .. directories.Select(d => Path.GetFullPath(path, Path.GetFullPath(d))),
            .. directories.Select(d => Path.Combine(Path.GetFullPath(d), Path.GetFileName(path))),
        ];
        if (HubCache(path) is { } cached)
        {
            places.Add(cached);
        }
        string? config = task.Text("dataset_name") ?? options.Text("name");
        string? folder = options.Text("data_dir");
        foreach (
            string place in places.Where(Directory.Exists).Select(p => folder is null ? p : Path.Combine(p, folder)).Where(Directory.Exists)
        )
        {
            if (InFolder(place, config, split) is { Count: > 0 } files)
            {
                return files;
            }
        }
        throw new InvalidDataException(
            $"{task.Place}: the data set {path}{(config is null ? "" : $" ({config})")}, split '{split}', is not here: fetch it into the hub's cache, or name a directory that holds {path} with --data DIR."
        );
    }

    /// <summary>The newest snapshot of a data set in the hub's cache.</summary>
    private static string? HubCache(string name)
    {
        string home = Environment.GetEnvironmentVariable("HF_HOME") is { Length: > 0 } given
            ? given
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "huggingface");
        string hub = Environment.GetEnvironmentVariable("HF_HUB_CACHE") is { Length: > 0 } cache ? cache : Path.Combine(home, "hub");
        string repository = Path.Combine(hub, "datasets--" + name.Replace("/", "--", StringComparison.Ordinal));
        string main = Path.Combine(repository, "refs", "main");
        string? revision = File.Exists(main) ? File.ReadAllText(main).Trim() : null;
        string snapshots = Path.Combine(repository, "snapshots");
        return !Directory.Exists(snapshots) ? null
            : revision is not null && Directory.Exists(Path.Combine(snapshots, revision)) ? Path.Combine(snapshots, revision)
            : Directory.EnumerateDirectories(snapshots).MaxBy(Directory.GetLastWriteTimeUtc);
    }

    /// <summary>Files of a directory that belong to a configuration and a split, by their names.</summary>
    private static List<string> InFolder(string folder, string? config, string split)
    {
        string[] words = SplitWords.GetValueOrDefault(split) ?? SplitWords.Values.FirstOrDefault(w => w.Contains(split)) ?? [split];
        string[] all =
        [
            .. Directory
                .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(f => DatasetFiles.Extensions.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)))
                .Order(StringComparer.Ordinal),
        ];
        string[][] parts = [.. all.Select(f => Path.GetRelativePath(folder, f).Split(Path.DirectorySeparatorChar, '/'))];
        bool ofConfig = config is not null && parts.Any(IsConfig);
        // The split's own name counts before its other names, and both before files that name no split.
        foreach (
            string[] accepted in (string[][])
                [
                    [split],
                    words,
                ]
        )
        {
            List<string> files =
            [
                .. all.Where((f, i) => (!ofConfig || IsConfig(parts[i])) && parts[i].Any(p => accepted.Contains(Split(p)))),
            ];
            if (files.Count > 0)
            {
                return files;
            }
        }
        return [];

        bool IsConfig(string[] path) =>
            path.Any(p =>
                p == config
                || p.StartsWith(config + "_", StringComparison.Ordinal)
                || p.StartsWith(config + "-", StringComparison.Ordinal)
                || p.StartsWith(config + ".", StringComparison.Ordinal)
            );

        string Split(string part)
        {
            string stem = part.Split('.')[0];
            if (config is not null && stem.StartsWith(config, StringComparison.Ordinal))
            {
                stem = stem[config.Length..].TrimStart('_', '-');
            }
            int shard = stem.IndexOf("-0", StringComparison.Ordinal);
            stem = shard > 0 ? stem[..shard] : stem;
            int last = stem.LastIndexOfAny(['_', '-']);
            return words.Contains(stem) || stem == split || last < 0 ? stem : stem[(last + 1)..];
        }
    }
}
