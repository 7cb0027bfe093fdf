using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>
/// Translates a regular expression from Oniguruma's syntax, which tokenizer.json uses, to .NET's: possessive quantifiers become atomic
/// groups,
/// nested and intersected character classes become look-aheads, scripts, POSIX brackets and \w are spelled out, and characters that .NET
/// cannot
/// see as one (beyond U+FFFF) are named by what stands for them in the text (<see cref="StandIns"/>).
/// </summary>
internal sealed class OnigurumaPattern
{
    private const string AnyCharacter = @"[\s\S]";

    private readonly string _pattern;
    private readonly StringBuilder _made = new();
    private int _at;
    private bool _ignoreCase;

    private OnigurumaPattern(string pattern) => _pattern = pattern;

    private StandIns Characters { get; } = new();

    /// <exception cref="ArgumentException">The pattern uses what neither .NET nor this translation knows.</exception>
    public static (string Pattern, StandIns Characters) Translate(string pattern)
    {
        OnigurumaPattern translation = new(pattern);
        translation.Run();
        return (translation.Characters.Spell(translation._made.ToString()), translation.Characters);
    }

    private void Run()
    {
        Stack<(int Start, bool IgnoreCase)> openGroups = new();
        while (_at < _pattern.Length)
        {
            int start = _made.Length;
            switch (_pattern[_at])
            {
                case '(':
                    openGroups.Push((start, _ignoreCase));
                    OpenGroup(openGroups);
                    continue;
                case ')':
                    _made.Append(')');
                    _at++;
                    if (openGroups.TryPop(out (int Start, bool IgnoreCase) group))
                    {
                        (start, _ignoreCase) = group;
                    }
                    break;
                case '[':
                    _made.Append(Class());
                    break;
                case '\\':
                    _made.Append(Escape() ?? Property());
                    break;
                case '.' or '^' or '$' or '|':
                    _made.Append(_pattern[_at++]);
                    break;
                default:
                    _made.Append(Literal(CodePoint()));
                    break;
            }
            Quantifiers(start);
        }
    }

    /// <summary>Copies what opens a group; (?i) counts to the end of the group around it, (?i:…) within its own.</summary>
    private void OpenGroup(Stack<(int Start, bool IgnoreCase)> openGroups)
    {
        _made.Append(_pattern[_at++]);
        if (_at >= _pattern.Length || _pattern[_at] != '?')
        {
            return;
        }
        int end = _at + 1;
        while (end < _pattern.Length && _pattern[end] is 'i' or 'm' or 'x' or '-')
        {
            end++;
        }
        string flags = _pattern[(_at + 1)..end];
        if (flags.Length == 0 || end >= _pattern.Length || _pattern[end] is not (':' or ')'))
        {
            // (?:  (?=  (?!  (?>  (?<=  (?<!  (?<name>  (?#comment
            bool name = end + 1 < _pattern.Length && _pattern[end] == '<' && _pattern[end + 1] is not ('=' or '!');
            int last =
                name ? _pattern.IndexOf('>', end)
                : end < _pattern.Length && _pattern[end] == '<' ? end + 1
                : end < _pattern.Length && _pattern[end] == '#' ? _pattern.IndexOf(')', end) - 1
                : end;
            last = last < _at ? _pattern.Length - 1 : Math.Min(last, _pattern.Length - 1);
            _made.Append(_pattern, _at, last + 1 - _at);
            _at = last + 1;
            return;
        }
        bool off = flags.StartsWith('-');
        if (flags.TrimStart('-') != "i")
        {
            throw new ArgumentException($"the group (?{flags} is not supported");
        }
        _made.Append('?').Append(flags).Append(_pattern[end]);
        _at = end + 1;
        if (_pattern[end] == ')')
        {
            openGroups.Pop();
        }
        _ignoreCase = !off;
    }

    private void Quantifiers(int atom)
    {
        while (EndOfQuantifier() is int end && end > _at)
        {
            string quantifier = _pattern[_at..end];
            _made.Append(quantifier.StartsWith("{,", StringComparison.Ordinal) ? "{0" + quantifier[1..] : quantifier);
            _at = end;
            // In Oniguruma {n,m}+ is a repeated repetition, not a possessive one.
            bool counted = quantifier[0] == '{';
            if (_at < _pattern.Length && _pattern[_at] == '+')
            {
                _made.Insert(atom, counted ? "(?:" : "(?>").Append(counted ? ")+" : ")");
                _at++;
            }
            else if (_at < _pattern.Length && _pattern[_at] == '?')
            {
                _made.Append('?');
                _at++;
            }
            else if (EndOfQuantifier() > _at)
            {
                _made.Insert(atom, "(?:").Append(')');
            }
        }
    }

    private int EndOfQuantifier()
    {
        if (_at >= _pattern.Length)
        {
            return _at;
        }
        if (_pattern[_at] is '?' or '*' or '+')
        {
            return _at + 1;
        }
        int close = _pattern[_at] == '{' ? _pattern.IndexOf('}', _at) : -1;
        return close > _at + 1 && _pattern.AsSpan(_at + 1, close - _at - 1).Trim("0123456789,").IsEmpty ? close + 1 : _at;
    }

    /// <summary>A class in brackets, as an expression that matches one character.</summary>
    private string Class()
    {
        _at++;
        bool negated = Take("^");
        StringBuilder members = new();
        List<string> alternatives = new(); // what .NET cannot hold inside the brackets
        List<string> conditions = new(); // left sides of &&
        for (bool first = true; ; first = false)
        {
            if (_at >= _pattern.Length)
            {
                throw new ArgumentException("a character class lacks its ]");
            }
            if (!first && Take("]"))
            {
                break;
            }
            if (Take("&&"))
            {
                conditions.Add(Union());
                (members, alternatives) = (new StringBuilder(), []);
            }
            else if (
                string.CompareOrdinal(_pattern, _at, "[:", 0, 2) == 0
                && _pattern.IndexOf(":]", _at, StringComparison.Ordinal) is > 0 and int close
            )
            {
                string name = _pattern[(_at + 2)..close];
                _at = close + 2;
                Add(CharacterSets.Posix(name.TrimStart('^')), name.StartsWith('^'));
            }
            else if (_pattern[_at] == '[')
            {
                alternatives.Add(Class());
            }
            else if (_pattern[_at] == '\\' && EscapedSet() is { } set)
            {
                Add(set.Set, set.Negated);
            }
            else
            {
                int low = Member();
                bool range = _at + 1 < _pattern.Length && _pattern[_at] == '-' && _pattern[_at + 1] is not (']' or '[');
                if (range)
                {
                    _at++;
                }
                AddRange(low, range ? Member() : low);
            }
        }
        string last = Union();
        if (conditions.Count == 0 && alternatives.Count == 0)
        {
            return negated ? "[^" + last[1..] : last;
        }
        string all = string.Concat(conditions.Select(c => $"(?={c})")) + last;
        return negated ? $"(?:(?!{all}){AnyCharacter})" : $"(?:{all})";

        string Union() =>
            alternatives.Count == 0 ? $"[{members}]"
            : members.Length == 0 ? $"(?:{string.Join('|', alternatives)})"
            : $"(?:[{members}]|{string.Join('|', alternatives)})";

        void Add(string set, bool not)
        {
            if (not)
            {
                alternatives.Add($"[^{Characters.Note(set)}]");
            }
            else
            {
                members.Append(Characters.Note(set));
            }
        }

        void AddRange(int low, int high)
        {
            if (high < low)
            {
                throw new ArgumentException("a range of a character class runs backwards");
            }
            members.Append(Characters.Range(low, high));
            // Case folding makes ſ an s and the Kelvin sign a k, which .NET does not know.
            foreach ((char upper, char lower, int other) in new[] { ('S', 's', 0x17F), ('K', 'k', 0x212A) })
            {
                if (_ignoreCase && ((low <= upper && upper <= high) || (low <= lower && lower <= high)))
                {
                    members.Append(Characters.Range(other, other));
                }
            }
        }
    }

    /// <summary>One character of a class.</summary>
    private int Member() =>
        _pattern[_at] == '\\'
            ? EscapedCharacter()
                ?? throw new ArgumentException(
                    $"\\{_pattern[Math.Min(_at + 1, _pattern.Length - 1)]} is not supported in a character class"
                )
            : CodePoint();

    private string Literal(int c) =>
        _ignoreCase && c is 's' or 'S' ? $"[sS{Characters.Range(0x17F, 0x17F)}]"
        : _ignoreCase && c is 'k' or 'K' ? $"[kK{Characters.Range(0x212A, 0x212A)}]"
        : c > 0xFFFF ? $"[{Characters.Range(c, c)}]"
        : CharacterSets.Escape((char)Characters.Mentioned(c));

    /// <summary>An escape outside of classes that is no set of characters: a literal character, an anchor, \R.</summary>
    private string? Escape()
    {
        if (EscapedCharacter() is int c)
        {
            return Literal(c);
        }
        if (Take(@"\R"))
        {
            return @"(?>\r\n|[\n-\r\u0085\u2028\u2029])";
        }
        foreach (string anchor in new[] { @"\b", @"\B", @"\A", @"\Z", @"\z", @"\G" })
        {
            if (Take(anchor))
            {
                return anchor;
            }
        }
        return null;
    }

    private string Property() =>
        EscapedSet() is { } set
            ? $"[{(set.Negated ? "^" : "")}{Characters.Note(set.Set)}]"
            : throw new ArgumentException($"{_pattern[_at..Math.Min(_pattern.Length, _at + 2)]} is not supported");

    /// <summary>\d, \s, \w, \h, \p{…} and their opposites, as what stands for them between the brackets of a class.</summary>
    private (string Set, bool Negated)? EscapedSet()
    {
        if (_at + 1 >= _pattern.Length)
        {
            throw new ArgumentException(@"a \ stands at the end");
        }
        char kind = _pattern[_at + 1];
        string? set = char.ToLowerInvariant(kind) switch
        {
            'd' => @"\d",
            's' => @"\s",
            'w' => CharacterSets.Word,
            'h' => "0-9a-fA-F",
            _ => null,
        };
        if (set != null)
        {
            _at += 2;
            return (set, char.IsUpper(kind));
        }
        if (kind is not ('p' or 'P') || _at + 2 >= _pattern.Length)
        {
            return null;
        }
        int end = _pattern[_at + 2] == '{' ? _pattern.IndexOf('}', _at) : _at + 2;
        if (end < 0)
        {
            throw new ArgumentException($"\\{kind}{{ lacks its }}");
        }
        string name = _pattern[(_at + 2)..(end + 1)].Trim('{', '}');
        _at = end + 1;
        return (CharacterSets.Property(name.TrimStart('^')), (kind == 'P') ^ name.StartsWith('^'));
    }

    /// <summary>A backslash and what follows it, where they stand for one character.</summary>
    private int? EscapedCharacter()
    {
        if (_at + 1 >= _pattern.Length)
        {
            throw new ArgumentException(@"a \ stands at the end");
        }
        char c = _pattern[_at + 1];
        if (c is 'x' or 'u')
        {
            bool braces = c == 'x' && _at + 2 < _pattern.Length && _pattern[_at + 2] == '{';
            int start = _at + (braces ? 3 : 2),
                end = braces ? _pattern.IndexOf('}', start) : Math.Min(_pattern.Length, start + (c == 'x' ? 2 : 4));
            if (
                end < 0
                || !int.TryParse(
                    _pattern.AsSpan(start, end - start),
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out int code
                )
                || !Rune.IsValid(code)
            )
            {
                throw new ArgumentException($"\\{c} is not followed by a character's number");
            }
            _at = braces ? end + 1 : end;
            return code;
        }
        int? control = c switch
        {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\f',
            'v' => '\v',
            'a' => '\a',
            'e' => 0x1B,
            '0' => 0,
            _ => null,
        };
        if (control == null && char.IsAsciiLetterOrDigit(c))
        {
            return null;
        }
        _at++;
        if (control != null)
        {
            _at++;
            return control;
        }
        return CodePoint();
    }

    private int CodePoint()
    {
        Rune.DecodeFromUtf16(_pattern.AsSpan(_at), out Rune rune, out int size);
        _at += size;
        return rune.Value;
    }

    private bool Take(string text)
    {
        bool found = string.CompareOrdinal(_pattern, _at, text, 0, text.Length) == 0;
        _at += found ? text.Length : 0;
        return found;
    }
}
