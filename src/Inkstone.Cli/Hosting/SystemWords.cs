using System.Text.RegularExpressions;
using Inkstone.Files;

namespace Inkstone.Cli;

/// <summary>What .NET and the system say about files, in our words: the path as the user knows it, what is wrong with it, and how to mend
/// it.</summary>
internal static partial class SystemWords
{
    /// <summary>The sentence, or null where the message is not one of theirs.</summary>
    public static string? Explain(Exception fault)
    {
        if (fault is not (IOException or UnauthorizedAccessException))
        {
            return null;
        }
        string message = Unfinished.WithFinalNames(fault.Message);
        if (Quoted().Match(message) is { Success: true } quoted)
        {
            string path = Shown(quoted.Groups[2].Value);
            return quoted.Groups[1].Value switch
            {
                "Could not find file" => $"there is no file {path}; check the path",
                "Could not find a part of the path" => $"there is no directory for {path}; check the path",
                _ => Directory.Exists(path)
                    ? $"{path} is a directory, where a file is wanted"
                    : $"{path} may not be read or written by this user; change its permissions or name another place",
            };
        }
        return Named().Match(message) is { Success: true } named
            ? $"{Shown(named.Groups[2].Value)}: the system says \"{named.Groups[1].Value.ToLowerInvariant()}\"; name another place"
            : message;
    }

    /// <summary>A path below the current directory as it is seen from there.</summary>
    private static string Shown(string path)
    {
        string here = Path.TrimEndingDirectorySeparator(Environment.CurrentDirectory) + Path.DirectorySeparatorChar;
        return path.Length > here.Length && path.StartsWith(here, StringComparison.Ordinal) ? path[here.Length..] : path;
    }

    [GeneratedRegex(
        "^(Could not find file|Could not find a part of the path|Access to the path) '(.+)'( is denied)?\\.?$",
        RegexOptions.Singleline
    )]
    private static partial Regex Quoted();

    /// <summary>Such as <c>Read-only file system : '/mnt/x'</c>.</summary>
    [GeneratedRegex("^([A-Z][^:']+) : '(.+)'$", RegexOptions.Singleline)]
    private static partial Regex Named();
}
