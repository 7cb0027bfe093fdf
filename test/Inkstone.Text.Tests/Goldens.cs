using System.Text.Json;

namespace Inkstone.Text.Tests;

/// <summary>Reference numbers that lie beside the repository; a test that needs them ends early, saying so, where they are absent.</summary>
internal static class Goldens
{
    private static readonly string? Root = Find();

    /// <summary>Path below shared/, or null with a note when there is no such folder.</summary>
    public static string? Path(string name)
    {
        string? path = Root == null ? null : System.IO.Path.Combine(Root, name);
        if (path == null || !(File.Exists(path) || Directory.Exists(path)))
        {
            Console.WriteLine($"NOTE: shared/{name} is absent, so there is nothing to compare with.");
            return null;
        }
        return path;
    }

    public static string[] Texts(string folder) => Read<string[]>(System.IO.Path.Combine(folder, "texts.json"));

    public static T Read<T>(string file) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(file))!;

    private static string? Find()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d != null; d = d.Parent)
        {
            string candidate = System.IO.Path.Combine(d.FullName, "shared");
            if (Directory.Exists(System.IO.Path.Combine(candidate, "goldens")))
            {
                return candidate;
            }
        }
        return null;
    }
}
