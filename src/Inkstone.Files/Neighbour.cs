namespace Inkstone.Files;

/// <summary>Names in the same directory, where a rename copies nothing. A random part keeps two writers of one path apart.</summary>
internal static class Neighbour
{
    /// <summary>What is not yet called <paramref name="path"/>.</summary>
    public static string Partial(string path) => $"{path}.{Path.GetRandomFileName()}.partial";

    /// <summary>What is no longer called <paramref name="path"/>.</summary>
    public static string Old(string path) => $"{path}.{Path.GetRandomFileName()}.old";

    /// <summary>Whether <paramref name="path"/> is a name of either kind.</summary>
    public static bool IsOne(string path) => path.EndsWith(".partial", StringComparison.Ordinal) || path.EndsWith(".old", StringComparison.Ordinal);
}
