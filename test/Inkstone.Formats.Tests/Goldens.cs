namespace Inkstone.Formats.Tests;

/// <summary>The folder of reference numbers, which lies beside the repository where it is present.</summary>
internal static class Goldens
{
    public static string? Root { get; } = Find();

    public static string Of(string path) => Path.Combine(Root!, path);

    private static string? Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared", "goldens");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }
        return null;
    }
}

/// <summary>A test that needs the reference numbers and is reported as skipped, with the reason, where they are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GoldenTheoryAttribute : TheoryAttribute
{
    public GoldenTheoryAttribute() => Skip = Goldens.Root is null ? "the folder shared/goldens is not beside the repository" : null;
}

/// <inheritdoc cref="GoldenTheoryAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GoldenFactAttribute : FactAttribute
{
    public GoldenFactAttribute() => Skip = Goldens.Root is null ? "the folder shared/goldens is not beside the repository" : null;
}
