using Inkstone.Files;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What a name stands for: a task, a group of tasks, or a tag that tasks wear.</summary>
internal enum TaskKind
{
    Task,
    Group,
    Tag,
}

/// <summary>A name that can be evaluated.</summary>
/// <param name="Name">the name</param>
/// <param name="Kind">what it stands for</param>
/// <param name="Config">its file's keys; empty for a tag</param>
/// <param name="File">where it was read, null for what is built in</param>
/// <param name="Tagged">of a tag, the tasks that wear it</param>
internal sealed record TaskEntry(string Name, TaskKind Kind, DictValue Config, string? File, SortedSet<string> Tagged)
{
    /// <summary>What a file's keys describe; null when that is neither a task nor a group.</summary>
    public static TaskEntry? Parse(DictValue config, string? file) =>
        config.Text("group") is { } group ? new(group, TaskKind.Group, config, file, [])
        : config.Text("task") is { } task ? new(task, TaskKind.Task, config, file, [])
        : null;
}

/// <summary>All tasks, groups and tags by name: those that are built in, and those of directories of task files; a later directory counts
/// more.</summary>
internal sealed class TaskIndex
{
    private readonly Dictionary<string, TaskEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<string> _unread = [];

    public TaskIndex(IEnumerable<string> directories)
    {
        foreach (DictValue config in BuiltInTasks.All())
        {
            Add(_entries, TaskEntry.Parse(config, null)!);
        }
        foreach (string directory in directories)
        {
            if (!Directory.Exists(directory))
            {
                throw new DirectoryNotFoundException($"there is no directory of task files '{directory}'; check --include-path");
            }
            Dictionary<string, TaskEntry> found = new(StringComparer.Ordinal);
            foreach (TaskEntry entry in Scan(directory))
            {
                Add(found, entry);
            }
            foreach (
                (string name, TaskEntry entry) in found.Where(f =>
                    !NeedsPython(f.Value) || _entries.GetValueOrDefault(f.Key) is not { File: null, Kind: TaskKind.Task }
                )
            )
            {
                _entries[name] = entry;
            }
        }
    }

    public IReadOnlyCollection<string> Names => _entries.Keys;

    public TaskEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Why a name is not known: a file that could not be read may have had it.</summary>
    public string Unknown(string name)
    {
        string? near = _entries.Keys.MinBy(k => Spelling.Distance(k, name));
        string hint =
            near is not null && Spelling.Distance(near, name) <= 3
                ? $"; did you mean '{near}'?"
                : "; name a file, or say where task files lie: --include-path DIR";
        return $"there is no task, group or tag '{name}'{hint}"
            + (_unread.Count > 0 ? $" ({_unread.Count} files could not be read, the first: {_unread[0]})" : "");
    }

    private static void Add(Dictionary<string, TaskEntry> entries, TaskEntry entry)
    {
        if (!entries.TryAdd(entry.Name, entry) || entry.Kind != TaskKind.Task)
        {
            return;
        }
        foreach (
            Value tag in entry.Config.Get("tag") is ListValue tags ? tags.Elements
            : entry.Config.Get("tag") is { } one ? [one]
            : []
        )
        {
            if (!entries.TryGetValue(tag.Text, out TaskEntry? known))
            {
                entries[tag.Text] = known = new(tag.Text, TaskKind.Tag, new DictValue([]), null, new(StringComparer.Ordinal));
            }
            _ = known.Tagged.Add(entry.Name);
        }
    }

    /// <summary>The files of a directory in the order of their paths, read by several threads.</summary>
    private IEnumerable<TaskEntry> Scan(string directory)
    {
        string[] files = [.. Directory.EnumerateFiles(directory, "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        TaskEntry?[] entries = new TaskEntry?[files.Length];
        string?[] faults = new string?[files.Length];
        Parallel.For(
            0,
            files.Length,
            i =>
            {
                try
                {
                    entries[i] = TaskEntry.Parse(TaskFiles.Read(files[i]), files[i]);
                }
                catch (Exception fault) when (fault is InvalidDataException or IOException)
                {
                    faults[i] = fault.Message;
                }
            }
        );
        _unread.AddRange(faults.OfType<string>());
        return entries.OfType<TaskEntry>();
    }

    /// <summary>Where a file needs Python and the same task is built in, the built-in one is taken.</summary>
    private static bool NeedsPython(TaskEntry entry) => entry.Config.Entries.Values.Any(v => YamlValues.FunctionName(v) is not null);
}
