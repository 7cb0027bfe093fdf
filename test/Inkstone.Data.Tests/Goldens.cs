namespace Inkstone.Data.Tests;

/// <summary>Reference files that may lie beside the repository; a test that needs an absent one ends early.</summary>
public static class Goldens
{
    public static string? Find(string relativePath)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", "goldens", relativePath);
            if (File.Exists(path)) return path;
        }
        Console.WriteLine($"skipped: goldens/{relativePath} is not here");
        return null;
    }
}
