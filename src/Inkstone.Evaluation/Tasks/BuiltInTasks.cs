using System.Reflection;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Tasks that need no file: HellaSwag and IFEval, whose files need Python elsewhere, and the best known that are told in a few
/// lines.</summary>
internal static class BuiltInTasks
{
    private const string Folder = "Inkstone.Evaluation.Tasks.BuiltIn.";

    /// <summary>Configurations of tasks and groups.</summary>
    public static IEnumerable<DictValue> All() =>
        typeof(BuiltInTasks)
            .Assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith(Folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .SelectMany(Read);

    private static IEnumerable<DictValue> Read(string resource)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        using StreamReader reader = new(stream);
        DictValue file = YamlValues.Read(reader, resource[Folder.Length..]);
        return file.Get("subjects") is DictValue subjects ? Subjects(file, subjects)
            : file.Get("tasks") is ListValue tasks ? Several(file, tasks)
            : [file];
    }

    /// <summary>One task for each subject, with its name in the description, and the group of them all.</summary>
    private static IEnumerable<DictValue> Subjects(DictValue file, DictValue subjects)
    {
        DictValue common = (DictValue)file.Get("common")!;
        string prefix = file.Text("prefix")!;
        foreach ((Value subject, Value name) in subjects.Entries)
        {
            OrderedDictionary<Value, Value> task = new(common.Entries);
            task.SetValue("task", new StringValue(prefix + subject.Text));
            task.SetValue("dataset_name", subject);
            task.SetValue(
                "description",
                new StringValue(file.Text("description")!.Replace("SUBJECT", name.Text, StringComparison.Ordinal))
            );
            yield return new DictValue(task);
        }
        OrderedDictionary<Value, Value> group = new(((DictValue)file.Get("group")!).Entries);
        group.SetValue("task", new ListValue([.. subjects.Entries.Keys.Select(s => new StringValue(prefix + s.Text))]));
        yield return new DictValue(group);
    }

    private static IEnumerable<DictValue> Several(DictValue file, ListValue tasks)
    {
        foreach (DictValue task in tasks.Elements.Cast<DictValue>())
        {
            OrderedDictionary<Value, Value> entries = new((file.Get("common") as DictValue)?.Entries ?? []);
            foreach ((Value key, Value value) in task.Entries)
            {
                entries[key] = value;
            }
            yield return new DictValue(entries);
        }
    }
}
