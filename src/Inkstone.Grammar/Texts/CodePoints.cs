using System.Globalization;

namespace Inkstone.Grammar;

/// <summary>Sets of characters, as sorted ranges of code points that do not touch. Surrogates are no characters.</summary>
internal static class CodePoints
{
    public const int Last = 0x10FFFF;

    public static (int Low, int High)[] All { get; } = [(0, 0xD7FF), (0xE000, Last)];

    public static (int, int)[] Digits { get; } = [('0', '9')];

    public static (int, int)[] Word { get; } = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

    /// <summary>White space and line ends of ECMAScript.</summary>
    public static (int, int)[] Space { get; } =
    [
        (9, 13),
        (32, 32),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ];

    public static (int, int)[] LineEnds { get; } = [('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)];

    public static (int Low, int High)[] Union(IEnumerable<(int Low, int High)> ranges)
    {
        List<(int Low, int High)> result = [];
        foreach ((int low, int high) in ranges.OrderBy(r => r.Low))
        {
            if (result.Count > 0 && low <= result[^1].High + 1)
            {
                result[^1] = (result[^1].Low, Math.Max(result[^1].High, high));
            }
            else
            {
                result.Add((low, high));
            }
        }
        return [.. result];
    }

    public static (int Low, int High)[] Not(IEnumerable<(int Low, int High)> ranges)
    {
        List<(int, int)> result = [];
        int next = 0;
        foreach ((int low, int high) in Union([.. ranges, (0xD800, 0xDFFF)]))
        {
            if (low > next)
            {
                result.Add((next, low - 1));
            }
            next = high + 1;
        }
        if (next <= Last)
        {
            result.Add((next, Last));
        }
        return [.. result];
    }

    /// <summary>Characters of a general category, such as L or Lu, or its long name; null: there is none of this name.</summary>
    public static (int Low, int High)[]? Category(string name)
    {
        UnicodeCategory[] wanted =
        [
            .. Enum.GetValues<UnicodeCategory>()
                .Where(c => Short(c) == name || Short(c)[..1] == name || Long(name) is { } s && (Short(c) == s || Short(c)[..1] == s)),
        ];
        if (wanted.Length == 0)
        {
            return name is "Any" ? All
                : name is "ASCII" ? [(0, 127)]
                : null;
        }
        List<(int Low, int High)> result = [];
        for (int c = 0; c <= Last; c++)
        {
            if (c is (< 0xD800 or > 0xDFFF) && wanted.Contains(CharUnicodeInfo.GetUnicodeCategory(c)))
            {
                if (result.Count > 0 && result[^1].High == c - 1)
                {
                    result[^1] = (result[^1].Low, c);
                }
                else
                {
                    result.Add((c, c));
                }
            }
        }
        return [.. result];
    }

    private static string Short(UnicodeCategory c)
    {
        string[] names =
        [
            "Lu",
            "Ll",
            "Lt",
            "Lm",
            "Lo",
            "Mn",
            "Mc",
            "Me",
            "Nd",
            "Nl",
            "No",
            "Zs",
            "Zl",
            "Zp",
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Pc",
            "Pd",
            "Ps",
            "Pe",
            "Pi",
            "Pf",
            "Po",
            "Sm",
            "Sc",
            "Sk",
            "So",
            "Cn",
        ];
        return names[(int)c];
    }

    private static string? Long(string name) =>
        name switch
        {
            "Letter" => "L",
            "Uppercase_Letter" => "Lu",
            "Lowercase_Letter" => "Ll",
            "Mark" => "M",
            "Number" => "N",
            "Decimal_Number" or "digit" => "Nd",
            "Punctuation" or "punct" => "P",
            "Symbol" => "S",
            "Separator" => "Z",
            "Other" => "C",
            "Control" or "cntrl" => "Cc",
            _ => null,
        };
}
