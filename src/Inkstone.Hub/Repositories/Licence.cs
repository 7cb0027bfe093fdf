using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>The licence that a repository's card names.</summary>
internal static partial class Licence
{
    /// <summary>Of a README.md whose head between two lines of dashes is YAML; null where it names none.</summary>
    public static string? OfCard(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }
        string text = File.ReadAllText(file).Replace("\r\n", "\n", StringComparison.Ordinal);
        int end = text.StartsWith("---\n", StringComparison.Ordinal) ? text.IndexOf("\n---", 3, StringComparison.Ordinal) : -1;
        if (end < 0)
        {
            return null;
        }
        string head = text[..end];
        string? name = Value(Name().Match(head)),
            link = Value(Link().Match(head)),
            id = Value(Id().Match(head));
        string? licence = id is null or "other" ? name ?? id : id;
        return licence is null ? null
            : link is { } at && at.StartsWith("http", StringComparison.Ordinal) ? $"{licence} ({at})"
            : licence;
    }

    /// <summary>A plain value, a quoted one, or a list of one or several, on its line or below.</summary>
    private static string? Value(Match match)
    {
        string[] words =
        [
            .. match
                .Groups[1]
                .Value.Split(['\n', ',', '[', ']'], StringSplitOptions.TrimEntries)
                .Select(w => w.TrimStart('-', ' ').Trim('"', '\'', ' '))
                .Where(w => w.Length > 0),
        ];
        return words.Length == 0 ? null : string.Join(", ", words);
    }

    [GeneratedRegex(@"^license:[ \t]*((?:[^\n]*)(?:\n[ \t]*-[^\n]*)*)", RegexOptions.Multiline)]
    private static partial Regex Id();

    [GeneratedRegex(@"^license_name:[ \t]*([^\n]+)", RegexOptions.Multiline)]
    private static partial Regex Name();

    [GeneratedRegex(@"^license_link:[ \t]*([^\n]+)", RegexOptions.Multiline)]
    private static partial Regex Link();
}
