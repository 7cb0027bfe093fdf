namespace Inkstone.Files;

/// <summary>Names in the same directory, where a rename copies nothing. A random part keeps two writers of one path apart.</summary>
internal static class Neighbour
{
    private const string PartialEnd = ".partial", OldEnd = ".old";

    /// <summary>What is not yet called <paramref name="path"/>, or shall never be again: nobody misses it.</summary>
    public static string Partial(string path) => path + Random() + PartialEnd;

    /// <summary>What was called <paramref name="path"/> and makes room for its successor, which may not have come when the writer was killed.</summary>
    public static string Old(string path) => path + Random() + OldEnd;

    /// <summary>Whether <paramref name="entry"/> is a <see cref="Partial"/>.</summary>
    public static bool IsPartial(string entry) => Name(entry, PartialEnd) is not null;

    /// <summary>What an <see cref="Old"/> was called, or null.</summary>
    public static string? FormerName(string entry) => Name(entry, OldEnd);

    private static string? Name(string entry, string end)
        => entry.EndsWith(end, StringComparison.Ordinal) && Path.HasExtension(entry[..^end.Length]) ? Path.ChangeExtension(entry[..^end.Length], null) : null;

    private static string Random() => "." + Path.GetFileNameWithoutExtension(Path.GetRandomFileName());
}
