using System.Text.Json;

namespace Inkstone.Testing;

/// <summary>Reference numbers, data and models in a folder <c>shared</c> that may lie beside the repository.</summary>
internal static class Goldens
{
    /// <summary>The folder, or null where it is absent.</summary>
    public static string? Root { get; } = Find();

    /// <summary>A path below shared/goldens.</summary>
    public static string Of(string path) => Shared(Path.Combine("goldens", path));

    /// <summary>A path below shared.</summary>
    public static string Shared(string path) => Path.GetFullPath(Path.Combine(Root!, path));

    /// <summary>The texts beside a folder's ids.</summary>
    public static string[] Texts(string folder) => Read<string[]>(Path.Combine(folder, "texts.json"));

    public static T Read<T>(string file) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(file))!;

    /// <summary>Why a test that needs these paths below shared is skipped, or null when all of them are there.</summary>
    public static string? Absent(string[] paths) =>
        Root is null ? "the folder shared is not beside the repository"
        : paths.Select(Shared).FirstOrDefault(path => !File.Exists(path) && !Directory.Exists(path)) is { } absent ? $"{absent} is absent"
        : null;

    private static string? Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared");
            if (Directory.Exists(Path.Combine(candidate, "goldens")))
            {
                return candidate;
            }
        }
        return null;
    }
}

// Paths in any number leave no place for the parameters that tell an editor the line of a test.
#pragma warning disable xUnit3003

/// <summary>A test that needs files below shared: reported as skipped, with the reason, where they are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GoldenFactAttribute : FactAttribute
{
    public GoldenFactAttribute(params string[] paths) => Skip = Goldens.Absent(paths);
}

/// <inheritdoc cref="GoldenFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GoldenTheoryAttribute : TheoryAttribute
{
    public GoldenTheoryAttribute(params string[] paths) => Skip = Goldens.Absent(paths);
}
