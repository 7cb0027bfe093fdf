using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>Finds what a name may stand for: files of the configs folder beside the program, or a path.</summary>
public static class Presets
{
    /// <summary>The config.json of a model preset, of a directory, or of a path.</summary>
    public static string Model(string name) =>
        ModelDirectory(name) is { } directory ? Path.Combine(directory, "config.json") : Find(name, "models", ".json", "model preset");

    /// <summary>The directory that a name of a model stands for; null where it is a file, or a preset beside whose run of the same name,
    /// which has no config.json, it stands.</summary>
    internal static string? ModelDirectory(string name) =>
        Directory.Exists(name) && (File.Exists(Path.Combine(name, "config.json")) || !Names("models").Contains(name)) ? name : null;

    /// <summary>The catalogue that comes with the program.</summary>
    public static string Catalogue => Path.Combine(Root, "catalogue.yaml");

    /// <summary>A recipe by preset name or path; <paramref name="folder"/> is its kind: runs (pretraining), sft or mix.</summary>
    public static string Recipe(string name, string folder = "runs") => Find(name, folder, ".yaml", "recipe");

    /// <summary>Files of prompts: a path as it is, a bare name that is none as the file of that name that comes with the program.</summary>
    /// <exception cref="FileNotFoundException">There is neither.</exception>
    public static string Prompts(string name) => Directory.Exists(name) ? name : Find(name, "prompts", ".jsonl", "file of prompts");

    /// <summary>Names of the presets of one kind (models, runs, sft, mix, prompts).</summary>
    public static IReadOnlyList<string> Names(string folder)
    {
        string path = Path.Combine(Root, folder);
        return Directory.Exists(path)
            ? [.. Directory.EnumerateFiles(path).Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)]
            : [];
    }

    private static string Root => Path.Combine(AppContext.BaseDirectory, "configs");

    private static string Find(string name, string folder, string extension, string kind)
    {
        if (File.Exists(name))
        {
            return name;
        }
        string preset = Path.Combine(Root, folder, name + extension);
        if (name.AsSpan().IndexOfAny('/', '\\') < 0 && File.Exists(preset))
        {
            return preset;
        }
        if (Directory.Exists(name))
        {
            string own = Path.Combine(name, "recipe.resolved.yaml");
            throw new FileNotFoundException(
                $"{name} is a directory, where a {kind} is wanted; {(File.Exists(own) ? $"the one of this run is {own}" : "give a file")}"
            );
        }
        IReadOnlyList<string> known = Names(folder);
        throw new FileNotFoundException(
            $"there is no {kind} '{name}'{Spelling.Suggestion(name, known)}; give a file, or one of: {string.Join(", ", known)}"
        );
    }
}
