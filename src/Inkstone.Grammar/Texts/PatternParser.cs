using System.Globalization;

namespace Inkstone.Grammar;

/// <summary>Reads regular expressions of ECMAScript, as JSON Schema has them. What is no regular language (references back, looking around)
/// is refused by name.</summary>
internal sealed class PatternParser
{
    private const int MostRepeats = 5000;
    private readonly string _text;
    private int _at;

    private PatternParser(string text) => _text = text;

    /// <exception cref="GrammarException">it is not well written or not supported; the message says what and where</exception>
    public static Pattern Parse(string text)
    {
        PatternParser parser = new(text);
        Pattern result = parser.Alternatives();
        return parser._at == text.Length ? result : throw parser.Fault("a closing parenthesis has no opening one");
    }

    private char Now => _at < _text.Length ? _text[_at] : '\0';

    private bool AtEnd => _at >= _text.Length;

    private GrammarException Fault(string what) => new($"the pattern {Quote(_text)} cannot be read at character {_at + 1}: {what}");

    private GrammarException Unsupported(string what) =>
        new($"the pattern {Quote(_text)} uses {what}, which is not supported; write it without");

    private static string Quote(string text) => $"\"{(text.Length > 80 ? text[..80] + "…" : text)}\"";

    private bool Take(string s)
    {
        if (string.CompareOrdinal(_text, _at, s, 0, s.Length) != 0)
        {
            return false;
        }
        _at += s.Length;
        return true;
    }

    private Pattern Alternatives()
    {
        List<Pattern> parts = [Sequence()];
        while (Take("|"))
        {
            parts.Add(Sequence());
        }
        return parts.Count == 1 ? parts[0] : new Pattern.Either(parts);
    }

    private Pattern Sequence()
    {
        List<Pattern> parts = [];
        while (!AtEnd && Now is not '|' and not ')')
        {
            parts.Add(Quantified(Atom()));
        }
        return parts.Count == 1 ? parts[0] : new Pattern.Sequence(parts);
    }

    private Pattern Quantified(Pattern atom)
    {
        (int Least, int? Most)? times = Now switch
        {
            '*' => (0, null),
            '+' => (1, null),
            '?' => (0, 1),
            _ => null,
        };
        if (AtEnd)
        {
            return atom;
        }
        if (times is not null)
        {
            _at++;
        }
        else if ((times = Braces()) is null)
        {
            return atom;
        }
        if (Now == '?')
        {
            _at++; // a lazy quantifier matches the same texts
        }
        if (!AtEnd && Now is '*' or '+')
        {
            throw Fault("a quantifier follows a quantifier");
        }
        return new Pattern.Repeat(atom, times.Value.Least, times.Value.Most);
    }

    /// <summary>{n}, {n,} or {n,m}; anything else in braces is text.</summary>
    private (int, int?)? Braces()
    {
        int end = Now == '{' ? _text.IndexOf('}', _at) : -1;
        if (end < 0)
        {
            return null;
        }
        string[] parts = _text[(_at + 1)..end].Split(',');
        if (parts.Length > 2 || parts[0].Length == 0 || !parts.All(p => p.All(char.IsAsciiDigit)))
        {
            return null;
        }
        int least = Number(parts[0]);
        int? most =
            parts.Length == 1 ? least
            : parts[1].Length == 0 ? null
            : Number(parts[1]);
        _at = end + 1;
        return most < least ? throw Fault("the numbers in braces are out of order") : (least, most);

        int Number(string digits) =>
            int.TryParse(digits, CultureInfo.InvariantCulture, out int n) && n <= MostRepeats
                ? n
                : throw Unsupported($"a repetition of more than {MostRepeats} times");
    }

    private Pattern Atom()
    {
        char c = _text[_at];
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return Class();
            case '.':
                _at++;
                return new Pattern.Set(CodePoints.Not(CodePoints.LineEnds));
            case '^' or '$':
                _at++;
                return new Pattern.Edge(c == '$');
            case '\\':
                if (_at + 1 < _text.Length && _text[_at + 1] is 'b' or 'B')
                {
                    throw Unsupported($"\\{_text[_at + 1]} (a border of a word)");
                }
                return new Pattern.Set(Escape());
            case '*' or '+' or '?':
                throw Fault("a quantifier has nothing to repeat");
            default:
                int point = Character();
                return new Pattern.Set([(point, point)]);
        }
    }

    private Pattern Group()
    {
        _at++;
        if (Take("?"))
        {
            if (Take("=") || Take("!") || Take("<=") || Take("<!"))
            {
                throw Unsupported("looking ahead or behind");
            }
            if (Take("<"))
            {
                int end = _text.IndexOf('>', _at);
                _at = end > 0 ? end + 1 : throw Fault("the name of a group has no end");
            }
            else if (!Take(":"))
            {
                throw Unsupported("flags within a group");
            }
        }
        Pattern inner = Alternatives();
        return Take(")") ? inner : throw Fault("a parenthesis is not closed");
    }

    private Pattern.Set Class()
    {
        _at++;
        bool negated = Take("^");
        List<(int, int)> ranges = [];
        while (Now != ']' || AtEnd)
        {
            if (AtEnd)
            {
                throw Fault("a bracket is not closed");
            }
            (int Low, int High)[] first = ClassAtom();
            if (Now == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']' && first is [var (low, high)] && low == high)
            {
                _at++;
                (int Low, int High)[] last = ClassAtom();
                if (last is not [var (from, to)] || from != to)
                {
                    ranges.AddRange([.. first, ('-', '-'), .. last]);
                    continue;
                }
                ranges.Add(to >= low ? (low, to) : throw Fault("a range in brackets is out of order"));
                continue;
            }
            ranges.AddRange(first);
        }
        _at++;
        return new Pattern.Set(negated ? CodePoints.Not(ranges) : CodePoints.Union(ranges));
    }

    private (int, int)[] ClassAtom()
    {
        if (Now != '\\')
        {
            int c = Character();
            return [(c, c)];
        }
        if (_at + 1 < _text.Length && _text[_at + 1] == 'b')
        {
            _at += 2;
            return [(8, 8)];
        }
        return Escape();
    }

    private int Character()
    {
        int c =
            char.IsSurrogatePair(_text, Math.Min(_at, _text.Length - 1)) && _at + 1 < _text.Length
                ? char.ConvertToUtf32(_text, _at)
                : _text[_at];
        _at += c > 0xFFFF ? 2 : 1;
        return c;
    }

    private (int Low, int High)[] Escape()
    {
        _at++;
        if (AtEnd)
        {
            throw Fault("a backslash ends the pattern");
        }
        char c = _text[_at++];
        switch (c)
        {
            case 'd':
                return CodePoints.Digits;
            case 'D':
                return CodePoints.Not(CodePoints.Digits);
            case 'w':
                return CodePoints.Word;
            case 'W':
                return CodePoints.Not(CodePoints.Word);
            case 's':
                return CodePoints.Space;
            case 'S':
                return CodePoints.Not(CodePoints.Space);
            case 'p' or 'P' when Now == '{':
                int end = _text.IndexOf('}', _at);
                string name = end < 0 ? throw Fault("a brace is not closed") : _text[(_at + 1)..end];
                _at = end + 1;
                (int, int)[] set =
                    CodePoints.Category(
                        name.Replace("General_Category=", "", StringComparison.Ordinal).Replace("gc=", "", StringComparison.Ordinal)
                    ) ?? throw Unsupported($"\\{c}{{{name}}}");
                return c == 'p' ? set : CodePoints.Not(set);
            case 'k' or (>= '1' and <= '9'):
                throw Unsupported($"\\{c} (a reference back)");
            default:
                int point = c switch
                {
                    't' => 9,
                    'n' => 10,
                    'v' => 11,
                    'f' => 12,
                    'r' => 13,
                    '0' => 0,
                    'c' when char.IsAsciiLetter(Now) => _text[_at++] & 31,
                    'x' => Hex(2),
                    'u' => Unicode(),
                    _ => c,
                };
                return [(point, point)];
        }
    }

    private int Unicode()
    {
        if (Take("{"))
        {
            int end = _text.IndexOf('}', _at);
            int point =
                end > 0
                && int.TryParse(_text[_at..end], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int p)
                && p <= CodePoints.Last
                    ? p
                    : throw Fault("\\u{…} holds no character");
            _at = end + 1;
            return point;
        }
        int high = Hex(4);
        if (high is >= 0xD800 and < 0xDC00 && Take("\\u"))
        {
            return 0x10000 + ((high - 0xD800) << 10) + (Hex(4) - 0xDC00);
        }
        return high;
    }

    private int Hex(int digits)
    {
        if (
            _at + digits > _text.Length
            || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
        )
        {
            throw Fault($"{digits} hexadecimal digits are missing");
        }
        _at += digits;
        return value;
    }
}
