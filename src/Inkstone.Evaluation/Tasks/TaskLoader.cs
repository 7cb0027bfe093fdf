using System.Text.RegularExpressions;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>The tasks that were asked for, and the groups that they came in.</summary>
internal sealed record TaskSet(OrderedDictionary<string, EvaluationTask> Tasks, OrderedDictionary<string, TaskGroup> Groups);

/// <summary>Builds tasks and groups from names, patterns and files.</summary>
internal sealed class TaskLoader(TaskIndex index, DatasetSource datasets)
{
    /// <summary>All that some names stand for, each task once.</summary>
    /// <exception cref="InvalidDataException">A name is unknown, or a task comes in two ways.</exception>
    public TaskSet Load(IEnumerable<string> names)
    {
        OrderedDictionary<string, EvaluationTask> tasks = new(StringComparer.Ordinal);
        OrderedDictionary<string, TaskGroup> groups = new(StringComparer.Ordinal);
        Dictionary<string, string> sources = new(StringComparer.Ordinal);
        foreach (object built in names.SelectMany(Matching).SelectMany(name => Build(Entry(name), null)))
        {
            if (built is TaskGroup group)
            {
                groups[group.Name] = group;
                foreach (TaskGroup inner in group.Groups)
                {
                    groups[inner.Name] = inner;
                }
            }
            string source = built is TaskGroup g ? g.Name : ((EvaluationTask)built).Name;
            foreach (EvaluationTask task in built is TaskGroup all ? all.Tasks : [(EvaluationTask)built])
            {
                if (sources.TryGetValue(task.Name, out string? earlier) && earlier != source)
                {
                    throw new InvalidDataException($"the task '{task.Name}' comes with both '{earlier}' and '{source}'; name one of them.");
                }
                sources[task.Name] = source;
                tasks[task.Name] = task;
            }
        }
        return new TaskSet(tasks, groups);
    }

    /// <summary>The name itself, or all names that a pattern with * and ? matches.</summary>
    private IEnumerable<string> Matching(string name)
    {
        if (name.AsSpan().IndexOfAny('*', '?') < 0 || File.Exists(name))
        {
            return [name];
        }
        Regex pattern = new(
            "^" + Regex.Escape(name).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal) + "$",
            RegexOptions.CultureInvariant | RegexOptions.Singleline
        );
        string[] found = [.. index.Names.Where(n => pattern.IsMatch(n)).Order(StringComparer.Ordinal)];
        return found.Length > 0
            ? found
            : throw new InvalidDataException(
                $"no task, group or tag is called like '{name}'; name one, or say where task files lie: --include-path DIR"
            );
    }

    private TaskEntry Entry(string name) =>
        index.Find(name)
        ?? (
            File.Exists(name)
                ? TaskEntry.Parse(TaskFiles.Read(name), Path.GetFullPath(name))
                    ?? throw new InvalidDataException($"{name} has neither the key task nor the key group; it is no task file.")
                : throw new InvalidDataException(index.Unknown(name))
        );

    private IEnumerable<object> Build(TaskEntry entry, DictValue? overrides) =>
        entry.Kind switch
        {
            TaskKind.Tag => entry.Tagged.SelectMany(name => index.Find(name) is { } tagged ? Build(tagged, overrides) : []),
            TaskKind.Group => [Group(entry.Name, entry.Config, overrides, entry)],
            _ => [Task(entry, overrides)],
        };

    private EvaluationTask Task(TaskEntry entry, DictValue? overrides)
    {
        if (entry.Config.Get("class") is { } type)
        {
            throw new InvalidDataException(
                $"{entry.File}: the task '{entry.Name}' is written in Python (class: {YamlValues.FunctionName(type) ?? type.Text}), which is not run here."
            );
        }
        OrderedDictionary<Value, Value> config = new(entry.Config.Entries);
        foreach ((Value key, Value value) in overrides?.Entries ?? [])
        {
            config[key] = value;
        }
        foreach (string structural in (string[])["tag", "group", "task_list"])
        {
            _ = config.Remove(new StringValue(structural));
        }
        config.SetValue("metadata", Metadata(config.GetValueOrDefault(new StringValue("metadata")), entry.File));
        return new EvaluationTask(new TaskConfig(new DictValue(config), entry.File ?? entry.Name), datasets, entry.File);
    }

    private static DictValue Metadata(Value? given, string? file)
    {
        OrderedDictionary<Value, Value> metadata = given is DictValue dict ? new(dict.Entries) : [];
        if (given is not (DictValue or NoneValue or null))
        {
            metadata.SetValue("_metadata", given);
        }
        metadata.SetValue("config_source", new StringValue(file ?? "built in"));
        return new DictValue(metadata);
    }

    private TaskGroup Group(string name, DictValue config, DictValue? overrides, TaskEntry source)
    {
        TaskGroup group = new(name, config, source.File ?? name);
        DictValue merged = Merged(
            new DictValue(
                new OrderedDictionary<Value, Value>(config.Entries.Where(e => !TaskGroup.Keys.Contains(e.Key.Text) && e.Key.Text != "tag"))
            ),
            overrides
        );
        foreach (
            Value member in config.Get("task") is ListValue list ? list.Elements
            : config.Get("task") is { } one ? [one]
            : []
        )
        {
            foreach (object child in Member(member, name, merged, source))
            {
                group.Children[child is TaskGroup inner ? inner.Name : ((EvaluationTask)child).Name] = child;
            }
        }
        return group;
    }

    private IEnumerable<object> Member(Value member, string group, DictValue overrides, TaskEntry source)
    {
        if (member is DictValue { } inline && inline.Text("group") is { } innerName)
        {
            return index.Find(innerName) is { } known
                ? Build(
                    known,
                    Merged(overrides, new DictValue(new OrderedDictionary<Value, Value>(inline.Entries.Where(e => e.Key.Text != "group"))))
                )
                : [Group($"{group}::{innerName}", inline, overrides, source)];
        }
        string name = member is DictValue dict
            ? dict.Text("task")
                ?? throw new InvalidDataException(
                    $"{source.File ?? group}: a member of the group '{group}' has neither the key task nor the key group."
                )
            : member.Text;
        DictValue own = member is DictValue changes ? Merged(overrides, changes) : overrides;
        if (index.Find(name) is { } entry)
        {
            return Build(entry, entry.Kind == TaskKind.Task ? Merged(PythonValues.Dict(("task", new StringValue(name))), own) : own);
        }
        return member is DictValue
            ?
            [
                Task(
                    new TaskEntry(
                        $"{group}::{name}",
                        TaskKind.Task,
                        Merged(own, PythonValues.Dict(("task", new StringValue($"{group}::{name}")))),
                        source.File,
                        []
                    ),
                    null
                ),
            ]
            : throw new InvalidDataException($"{source.File ?? group}: {index.Unknown(name)}");
    }

    private static DictValue Merged(DictValue below, DictValue? above)
    {
        OrderedDictionary<Value, Value> merged = new(below.Entries);
        foreach ((Value key, Value value) in above?.Entries ?? [])
        {
            merged[key] = value;
        }
        return new DictValue(merged);
    }
}
