using System.Text.RegularExpressions;

namespace Inkstone.Files;

/// <summary>Names in the same directory, where a rename copies nothing. A random part keeps two writers of one path apart, and ours from
/// other programs'.</summary>
internal static partial class SiblingTemp
{
    /// <summary>What is not yet called <paramref name="path"/>, or shall never be again: nobody misses it.</summary>
    public static string Partial(string path) => $"{path}.ink-{Random()}.partial";

    /// <summary>What was called <paramref name="path"/> and makes room for its successor, which may not have come when the writer was
    /// killed.</summary>
    public static string Old(string path) => $"{path}.ink-{Random()}.old";

    /// <summary>Whether <paramref name="entry"/> is a <see cref="Partial"/>.</summary>
    public static bool IsPartial(string entry) => PartialName().IsMatch(entry);

    /// <summary>What an <see cref="Old"/> was called, or null.</summary>
    public static string? FormerName(string entry) => OldName().Match(entry) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>A text in which every such name is the final one.</summary>
    public static string WithFinalNames(string text) => AnyEnding().Replace(text, "");

    private static string Random() => Path.GetFileNameWithoutExtension(Path.GetRandomFileName());

    [GeneratedRegex(@"^.+\.ink-[a-z0-9]{8}\.partial$", RegexOptions.Singleline)]
    private static partial Regex PartialName();

    [GeneratedRegex(@"^(.+)\.ink-[a-z0-9]{8}\.old$", RegexOptions.Singleline)]
    private static partial Regex OldName();

    [GeneratedRegex(@"\.ink-[a-z0-9]{8}\.(partial|old)\b")]
    private static partial Regex AnyEnding();
}
