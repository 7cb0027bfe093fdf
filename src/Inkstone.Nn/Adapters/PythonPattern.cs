using System.Text.RegularExpressions;

namespace Inkstone.Nn;

/// <summary>Regular expressions as PEFT's files have them: Python's, over whole paths.</summary>
internal static partial class PythonPattern
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>Whether <paramref name="pattern"/> matches the whole of <paramref name="path"/>.</summary>
    public static bool IsWhole(string pattern, string path) =>
        Match(pattern, $@"\A(?:{Translated(pattern, out string flags)})\z", flags, path).Success;

    /// <summary>Whether <paramref name="pattern"/> matches the end of <paramref name="path"/> that begins with the path or after a
    /// dot.</summary>
    public static bool IsEnd(string pattern, string path) =>
        Match(pattern, $@"\A(?:.*\.)?(?:{Translated(pattern, out string flags)})\z", flags, path).Success;

    /// <summary>The number of the layer that follows <paramref name="pattern"/>, a dot and before another dot; null where there is
    /// none.</summary>
    public static string? LayerAfter(string pattern, string path)
    {
        Match match = Match(pattern, $@"\A(?:|.*?\.)(?:{Translated(pattern, out string flags)})\.(?<layer_number>\d+)\.", flags, path);
        return match.Success ? match.Groups["layer_number"].Value : null;
    }

    /// <summary>Refuses what is no regular expression.</summary>
    public static void Check(string pattern) => IsEnd(pattern, "");

    private static Match Match(string pattern, string translated, string flags, string path)
    {
        try
        {
            return Regex.Match(path, flags + translated, RegexOptions.CultureInvariant, Limit);
        }
        catch (RegexParseException e)
        {
            throw new InvalidDataException($"\"{pattern}\" is not a regular expression ({e.Error})", e);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidDataException(
                $"the regular expression \"{pattern}\" takes longer than {Limit.TotalSeconds} s on {path}; write a simpler one.",
                e
            );
        }
    }

    /// <summary>
    /// What .NET writes otherwise: (?P&lt;name&gt;…), (?P=name), \Z for the end of all text; flags count for the whole expression wherever
    /// they stand,
    /// and a, L and u, which choose the alphabet, change nothing in paths.
    /// </summary>
    private static string Translated(string pattern, out string flags)
    {
        string found = "";
        string translated = Different()
            .Replace(
                pattern,
                match =>
                {
                    if (match.Groups["flags"].Success)
                    {
                        found += string.Concat(match.Groups["flags"].Value.Where("imsx".Contains));
                        return "";
                    }
                    return match.Groups["same"].Success
                        ? $@"\k<{match.Groups["same"].Value}>"
                        : match.Value switch
                        {
                            "(?P<" => "(?<",
                            @"\Z" => @"\z",
                            _ => match.Value,
                        };
                }
            );
        flags = found.Length == 0 ? "" : $"(?{found})";
        return translated;
    }

    [GeneratedRegex(@"\\.|\(\?P<|\(\?P=(?<same>\w+)\)|\(\?(?<flags>[aiLmsux]+)\)", RegexOptions.Singleline)]
    private static partial Regex Different();
}
