using System.Globalization;
using System.Text;

namespace Inkstone.Grammar;

/// <summary>Reads llama.cpp's GBNF: rules name ::= alternatives, with "texts", [sets], ., ( ), | and * + ? {m,n}, # comments, and
/// &lt;token&gt; for a token by its name.</summary>
internal sealed class GbnfParser
{
    private const int MostRepeats = 2000;

    private readonly string _text;
    private readonly Dictionary<string, GbnfPart> _rules = new(StringComparer.Ordinal);
    private readonly List<GbnfPart.Rule> _asked = [];
    private int _at;

    private GbnfParser(string text) => _text = text;

    /// <exception cref="GrammarException">it is not well written; the message says what and in which line</exception>
    public static GbnfRules Parse(string text)
    {
        GbnfParser parser = new(text);
        parser.Skip(lines: true);
        while (!parser.AtEnd)
        {
            parser.Rule();
            parser.Skip(lines: true);
        }
        if (parser._asked.Find(r => !parser._rules.ContainsKey(r.Name)) is { } missing)
        {
            throw new GrammarException($"line {missing.Line} of the grammar asks for the rule {missing.Name}, which it does not have");
        }
        return parser._rules.ContainsKey("root")
            ? new GbnfRules(parser._rules)
            : throw new GrammarException("the grammar has no rule named root, with which it begins");
    }

    private bool AtEnd => _at >= _text.Length;

    private char Now => _at < _text.Length ? _text[_at] : '\0';

    private int Line => 1 + _text.AsSpan(0, Math.Min(_at, _text.Length)).Count('\n');

    private GrammarException Fault(string what) => new($"line {Line} of the grammar: {what}");

    private void Skip(bool lines)
    {
        while (!AtEnd && (Now is ' ' or '\t' || (lines && Now is '\r' or '\n') || Now == '#'))
        {
            if (Now == '#')
            {
                while (!AtEnd && Now != '\n')
                {
                    _at++;
                }
                continue;
            }
            _at++;
        }
    }

    private void Rule()
    {
        string name = Name();
        Skip(lines: false);
        if (string.CompareOrdinal(_text, _at, "::=", 0, 3) != 0)
        {
            throw Fault($"::= is missing behind the name {name}");
        }
        _at += 3;
        Skip(lines: true);
        GbnfPart part = Alternatives(nested: false);
        if (!AtEnd && Now is not '\n' and not '\r')
        {
            throw Fault($"'{Now}' is not expected here");
        }
        if (!_rules.TryAdd(name, part))
        {
            throw Fault($"the rule {name} stands twice");
        }
    }

    private static bool IsName(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_';

    private string Name()
    {
        int from = _at;
        while (IsName(Now))
        {
            _at++;
        }
        return _at > from ? _text[from.._at] : throw Fault($"the name of a rule is expected, and not '{Now}'");
    }

    private GbnfPart Alternatives(bool nested)
    {
        List<GbnfPart> parts = [Sequence(nested)];
        while (NextIsBar(nested))
        {
            _at++;
            Skip(lines: true);
            parts.Add(Sequence(nested));
        }
        return parts.Count == 1 ? parts[0] : new GbnfPart.Either(parts);
    }

    /// <summary>An alternative may stand in a line of its own.</summary>
    private bool NextIsBar(bool nested)
    {
        int before = _at;
        Skip(lines: true);
        if (Now == '|')
        {
            return true;
        }
        _at = nested ? _at : before;
        return false;
    }

    private GbnfPart Sequence(bool nested)
    {
        List<GbnfPart> parts = [];
        Skip(nested);
        while (!AtEnd && Now is not '|' and not ')' and not '\n' and not '\r')
        {
            parts.Add(Repeated(Atom()));
            Skip(nested);
        }
        return parts.Count == 1 ? parts[0] : new GbnfPart.Sequence(parts);
    }

    private GbnfPart Repeated(GbnfPart part)
    {
        while (true)
        {
            switch (Now)
            {
                case '*':
                    part = new GbnfPart.Repeat(part, 0, null);
                    break;
                case '+':
                    part = new GbnfPart.Repeat(part, 1, null);
                    break;
                case '?':
                    part = new GbnfPart.Repeat(part, 0, 1);
                    break;
                case '{':
                    int end = _text.IndexOf('}', _at);
                    string[] numbers =
                        end < 0 ? throw Fault("a brace is not closed") : _text[(_at + 1)..end].Split(',', StringSplitOptions.TrimEntries);
                    int least = Number(numbers[0].Length == 0 && numbers.Length == 2 ? "0" : numbers[0]);
                    int? most =
                        numbers.Length == 1 ? least
                        : numbers.Length > 2 ? throw Fault("{m,n} has at most two numbers")
                        : numbers[1].Length == 0 ? null
                        : Number(numbers[1]);
                    part = most < least ? throw Fault("the numbers in braces are out of order") : new GbnfPart.Repeat(part, least, most);
                    _at = end;
                    break;
                default:
                    return part;
            }
            _at++;
        }
    }

    private int Number(string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n <= MostRepeats
            ? n
            : throw Fault($"'{digits}' is no number of repetitions from 0 to {MostRepeats}");

    private GbnfPart Atom()
    {
        switch (Now)
        {
            case '"':
                _at++;
                StringBuilder text = new();
                while (Now != '"')
                {
                    text.Append(Character("a quotation mark is not closed").ToString());
                }
                _at++;
                return new GbnfPart.Text(Encoding.UTF8.GetBytes(text.ToString()));
            case '[':
                return Set();
            case '.':
                _at++;
                return new GbnfPart.Set(CodePoints.All);
            case '(':
                _at++;
                GbnfPart inner = Alternatives(nested: true);
                _at += Now == ')' ? 1 : throw Fault("a parenthesis is not closed");
                return inner;
            case '<':
                int end = _text.IndexOf('>', _at);
                string name = end < 0 ? throw Fault("a token's name is not closed by >") : _text[_at..(end + 1)];
                _at = end + 1;
                return new GbnfPart.Token(name);
            default:
                GbnfPart.Rule rule = new(Name(), Line);
                _asked.Add(rule);
                return rule;
        }
    }

    private GbnfPart.Set Set()
    {
        _at++;
        bool negated = Now == '^';
        _at += negated ? 1 : 0;
        List<(int, int)> ranges = [];
        while (Now != ']')
        {
            int low = Character("a bracket is not closed").Value,
                high = low;
            if (Now == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                high = Character("a bracket is not closed").Value;
            }
            ranges.Add(low <= high ? (low, high) : throw Fault("a range in brackets is out of order"));
        }
        _at++;
        return new GbnfPart.Set(negated ? CodePoints.Not(ranges) : CodePoints.Union(ranges));
    }

    private Rune Character(string unclosed)
    {
        if (AtEnd)
        {
            throw Fault(unclosed);
        }
        if (Now != '\\')
        {
            return Rune.TryGetRuneAt(_text, _at, out Rune c)
                ? Advance(c, c.Utf16SequenceLength)
                : throw Fault("half a character stands there");
        }
        char letter = _at + 1 < _text.Length ? _text[_at + 1] : throw Fault("a backslash ends the grammar");
        (int digits, int plain) = letter switch
        {
            'x' => (2, 0),
            'u' => (4, 0),
            'U' => (8, 0),
            't' => (0, '\t'),
            'r' => (0, '\r'),
            'n' => (0, '\n'),
            '\\' or '"' or '[' or ']' or '-' or '^' => (0, letter),
            _ => throw Fault($"\\{letter} means nothing"),
        };
        if (digits == 0)
        {
            return Advance(new Rune(plain), 2);
        }
        return
            _at + 2 + digits <= _text.Length
            && int.TryParse(_text.AsSpan(_at + 2, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            && Rune.IsValid(value)
            ? Advance(new Rune(value), 2 + digits)
            : throw Fault($"\\{letter} needs {digits} hexadecimal digits of a character");
    }

    private Rune Advance(Rune c, int length)
    {
        _at += length;
        return c;
    }
}
