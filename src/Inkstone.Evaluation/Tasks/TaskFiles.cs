using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Task files with what they include.</summary>
internal static class TaskFiles
{
    /// <summary>A file's keys over those of the files that it includes.</summary>
    /// <exception cref="InvalidDataException">A file is no YAML, or includes itself.</exception>
    public static DictValue Read(string path) => Read(Path.GetFullPath(path), []);

    private static DictValue Read(string path, HashSet<string> seen)
    {
        if (!seen.Add(path))
        {
            throw new InvalidDataException($"{path} is included twice or includes itself; leave one of the includes out.");
        }
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no task file '{path}'; check the path, or the include that names it");
        }
        DictValue own = YamlValues.ReadFile(path);
        if (own.Get("include") is not { } includes)
        {
            return own;
        }
        OrderedDictionary<Value, Value> merged = [];
        foreach (Value include in includes is ListValue several ? several.Elements : [includes])
        {
            foreach ((Value key, Value value) in Read(Path.GetFullPath(include.Text, Path.GetDirectoryName(path)!), seen).Entries)
            {
                merged[key] = value;
            }
        }
        _ = merged.Remove(new StringValue("task_list"));
        foreach ((Value key, Value value) in own.Entries)
        {
            merged[key] = value;
        }
        _ = merged.Remove(new StringValue("include"));
        return new DictValue(merged);
    }
}
