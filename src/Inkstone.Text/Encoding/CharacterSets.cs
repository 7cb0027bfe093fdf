using System.Globalization;

namespace Inkstone.Text;

/// <summary>Named sets of characters of regular expressions, as .NET spells them between the brackets of a class.</summary>
internal static class CharacterSets
{
    /// <summary>\w: letters, marks, decimal and letter numbers, connectors, circled letters.</summary>
    public const string Word = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";

    private const string AsciiSymbols = @"$+<=>\^`|~";

    /// <summary>Scripts by name (Unicode 15.1, Scripts.txt): pairs of first and last code point in hexadecimal.</summary>
    private static readonly Dictionary<string, string> Scripts = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Han"] =
            "2E80-2E99 2E9B-2EF3 2F00-2FD5 3005 3007 3021-3029 3038-303B 3400-4DBF 4E00-9FFF F900-FA6D FA70-FAD9 16FE2-16FE3 16FF0-16FF1 20000-2A6DF 2A700-2B739 "
            + "2B740-2B81D 2B820-2CEA1 2CEB0-2EBE0 2EBF0-2EE5D 2F800-2FA1D 30000-3134A 31350-323AF",
        ["Hiragana"] = "3041-3096 309D-309F 1B001-1B11F 1B132 1B150-1B152 1F200",
        ["Katakana"] =
            "30A1-30FA 30FD-30FF 31F0-31FF 32D0-32FE 3300-3357 FF66-FF6F FF71-FF9D 1AFF0-1AFF3 1AFF5-1AFFB 1AFFD-1AFFE 1B000 1B120-1B122 1B155 1B164-1B167",
        ["Hangul"] =
            "1100-11FF 302E-302F 3131-318E 3200-321E 3260-327E A960-A97C AC00-D7A3 D7B0-D7C6 D7CB-D7FB FFA0-FFBE FFC2-FFC7 FFCA-FFCF FFD2-FFD7 FFDA-FFDC",
        ["Thai"] = "0E01-0E3A 0E40-0E5B",
        ["Lao"] = "0E81-0E82 0E84 0E86-0E8A 0E8C-0EA3 0EA5 0EA7-0EBD 0EC0-0EC4 0EC6 0EC8-0ECE 0ED0-0ED9 0EDC-0EDF",
    };

    private static readonly Dictionary<string, string> LongNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Letter"] = "L",
        ["Uppercase_Letter"] = "Lu",
        ["Lowercase_Letter"] = "Ll",
        ["Titlecase_Letter"] = "Lt",
        ["Modifier_Letter"] = "Lm",
        ["Other_Letter"] = "Lo",
        ["Mark"] = "M",
        ["Nonspacing_Mark"] = "Mn",
        ["Spacing_Mark"] = "Mc",
        ["Enclosing_Mark"] = "Me",
        ["Number"] = "N",
        ["Decimal_Number"] = "Nd",
        ["Letter_Number"] = "Nl",
        ["Other_Number"] = "No",
        ["Punctuation"] = "P",
        ["Symbol"] = "S",
        ["Separator"] = "Z",
        ["Other"] = "C",
        ["Control"] = "Cc",
        ["Format"] = "Cf",
    };

    private static readonly HashSet<string> Categories =
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cn",
    ];

    /// <summary>[:name:]</summary>
    public static string Posix(string name) =>
        name.ToLowerInvariant() switch
        {
            "alpha" => @"\p{L}\p{Nl}\u24B6-\u24E9",
            "alnum" => @"\p{L}\p{Nl}\p{Nd}\u24B6-\u24E9",
            "word" => Word,
            "digit" => @"\d",
            "xdigit" => "0-9a-fA-F",
            "space" => @"\s",
            "blank" => @"\t\p{Zs}",
            "upper" => @"\p{Lu}",
            "lower" => @"\p{Ll}",
            "punct" => @"\p{P}" + AsciiSymbols,
            "cntrl" => @"\p{Cc}",
            "ascii" => @"\x00-\x7F",
            _ => throw new ArgumentException($"[:{name}:] is not supported"),
        };

    /// <summary>\p{name}; a script comes back as &lt;name&gt;, for <see cref="StandIns.Note"/>.</summary>
    public static string Property(string name)
    {
        if (LongNames.GetValueOrDefault(name, name) is { } category && Categories.Contains(category))
        {
            return $@"\p{{{category}}}";
        }
        return Scripts.ContainsKey(name) ? $"<{name}>"
            : name.ToLowerInvariant() is "alpha" or "alphabetic" ? Posix("alpha")
            : name.ToLowerInvariant() is "alnum" or "punct" or "space" or "upper" or "lower" or "digit" or "word" or "xdigit" ? Posix(name)
            : throw new ArgumentException(
                $"\\p{{{name}}} is not supported; categories and the scripts {string.Join(", ", Scripts.Keys)} are"
            );
    }

    /// <summary>First and last code points of a script.</summary>
    public static IEnumerable<(int Low, int High)> Script(string name) =>
        Scripts[name]
            .Split(' ')
            .Select(range => range.Split('-'))
            .Select(ends =>
                (
                    int.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                    int.Parse(ends[^1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                )
            );

    /// <summary>A character by its number, the same inside and outside of classes.</summary>
    public static string Escape(char c) => char.IsAsciiLetterOrDigit(c) ? c.ToString() : $@"\u{(int)c:X4}";
}
