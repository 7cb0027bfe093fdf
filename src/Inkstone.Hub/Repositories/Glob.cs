using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>Patterns of paths as the hub's own client has them: <c>*</c> is anything, slashes too; a folder with a slash at its end is all
/// in it.</summary>
internal static class Glob
{
    public static bool Fits(string pattern, string path)
    {
        string whole = pattern.EndsWith('/') ? pattern + "*" : pattern;
        string regex = Regex.Escape(whole).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal);
        return Regex.IsMatch(path, $"^{regex}$", RegexOptions.Singleline);
    }

    /// <summary>Whether a file is about the repository and not of it.</summary>
    public static bool IsAbout(string path) =>
        Path.GetFileName(path).ToUpperInvariant() is var name
        && (
            name.StartsWith("README", StringComparison.Ordinal)
            || name.StartsWith("LICEN", StringComparison.Ordinal)
            || name == ".GITATTRIBUTES"
        );
}
