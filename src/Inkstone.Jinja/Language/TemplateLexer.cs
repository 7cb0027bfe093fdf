using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Inkstone.Jinja;

/// <summary>
/// Cuts the source of a template into tokens, with Jinja's whitespace control: the line end after a block may be dropped (trim_blocks),
/// blanks before a
/// block that begins its line may be dropped (lstrip_blocks), and <c>-</c> and <c>+</c> overrule both.
/// </summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] Operators =
    [
        "//",
        "**",
        "==",
        "!=",
        ">=",
        "<=",
        "+",
        "-",
        "/",
        "*",
        "%",
        "~",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ">",
        "<",
        "=",
        ".",
        ":",
        "|",
        ",",
        ";",
    ];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private readonly Stack<char> _open = new();
    private int _at;
    private int _line = 1;

    private readonly TemplateOptions _options;

    private TemplateLexer(string source, TemplateOptions options) => (_source, _options) = (source, options);

    public static TemplateTokens Read(string source, TemplateOptions options)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        TemplateLexer lexer = new(source.EndsWith('\n') && !options.KeepTrailingNewline ? source[..^1] : source, options);
        while (lexer._at < lexer._source.Length)
        {
            lexer.ReadTextAndTag();
        }
        lexer.Add(TemplateTokenKind.End, "");
        return new TemplateTokens(lexer._tokens);
    }

    private bool Looking(string text) => string.CompareOrdinal(_source, _at, text, 0, text.Length) == 0;

    private void Add(TemplateTokenKind kind, string text, Value? number = null) => _tokens.Add(new(kind, text, _line, number));

    private void MoveTo(int end)
    {
        _line += _source.AsSpan(_at, end - _at).Count('\n');
        _at = end;
    }

    private void ReadTextAndTag()
    {
        int begin = _at;
        while (begin < _source.Length && !(_source[begin] == '{' && begin + 1 < _source.Length && _source[begin + 1] is '%' or '{' or '#'))
        {
            begin++;
        }
        if (begin >= _source.Length)
        {
            AddText(_source[_at..]);
            MoveTo(_source.Length);
            return;
        }
        Match raw = RawBegin().Match(_source, begin);
        if (raw.Success)
        {
            AddText(Trimmed(_at, begin, raw.Groups[1].Value, ofBlock: true));
            MoveTo(raw.Index + raw.Length);
            ReadRaw();
            return;
        }
        char kind = _source[begin + 1];
        string sign = begin + 2 < _source.Length && _source[begin + 2] is '-' or '+' ? _source.Substring(begin + 2, 1) : "";
        AddText(Trimmed(_at, begin, sign, ofBlock: kind != '{'));
        MoveTo(begin + 2 + sign.Length);
        if (kind == '#')
        {
            SkipComment();
        }
        else
        {
            ReadTag(block: kind == '%');
        }
    }

    private void AddText(string text)
    {
        if (text.Length > 0)
        {
            Add(TemplateTokenKind.Text, text);
        }
    }

    /// <summary>Text up to a tag, less the blanks that the tag's sign or its place on the line takes away.</summary>
    private string Trimmed(int from, int to, string sign, bool ofBlock)
    {
        string text = _source[from..to];
        if (sign == "-")
        {
            return PythonText.TrimEnd(text);
        }
        int lineStart = text.LastIndexOf('\n') + 1;
        bool beginsLine = lineStart > 0 || from == 0 || _source[from - 1] == '\n';
        return _options.LeftStripBlocks && ofBlock && sign != "+" && beginsLine && PythonText.IsBlank(text.AsSpan(lineStart))
            ? text[..lineStart]
            : text;
    }

    private void ReadRaw()
    {
        Match end = RawEnd().Match(_source, _at);
        if (!end.Success)
        {
            throw new TemplateFault("{% raw %} has no {% endraw %}", _line);
        }
        AddText(Trimmed(_at, end.Index, end.Groups[1].Value, ofBlock: true));
        // The expression takes the line end with a plain tag.
        MoveTo(
            end.Index + end.Length - (!_options.TrimBlocks && end.ValueSpan.EndsWith("%}\n") && end.Value[^4] is not ('-' or '+') ? 1 : 0)
        );
    }

    private void SkipComment()
    {
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new TemplateFault("a comment begins with '{#' and has no '#}'", _line);
        }
        char sign = end > _at ? _source[end - 1] : ' ';
        MoveTo(AfterTag(end + 2, sign, trimLine: true));
    }

    /// <summary>Where text goes on behind a tag that ended with this sign.</summary>
    private int AfterTag(int end, char sign, bool trimLine)
    {
        if (sign == '-')
        {
            while (end < _source.Length && PythonText.IsSpace(_source[end]))
            {
                end++;
            }
        }
        else if (_options.TrimBlocks && sign != '+' && trimLine && end < _source.Length && _source[end] == '\n')
        {
            end++;
        }
        return end;
    }

    private void ReadTag(bool block)
    {
        string close = block ? "%}" : "}}";
        Add(block ? TemplateTokenKind.BlockBegin : TemplateTokenKind.VariableBegin, "");
        _open.Clear();
        while (true)
        {
            while (_at < _source.Length && PythonText.IsSpace(_source[_at]))
            {
                MoveTo(_at + 1);
            }
            if (_at >= _source.Length)
            {
                throw new TemplateFault($"a tag has no '{close}'", _line);
            }
            char sign = _source[_at] == '-' || (block && _source[_at] == '+') ? _source[_at] : ' ';
            int end = _at + (sign == ' ' ? 0 : 1);
            if (_open.Count == 0 && string.CompareOrdinal(_source, end, close, 0, 2) == 0)
            {
                Add(block ? TemplateTokenKind.BlockEnd : TemplateTokenKind.VariableEnd, "");
                MoveTo(AfterTag(end + 2, sign, trimLine: block));
                return;
            }
            ReadToken();
        }
    }

    private void ReadToken()
    {
        char c = _source[_at];
        if (char.IsAsciiDigit(c))
        {
            ReadNumber();
        }
        else if (c is '\'' or '"')
        {
            ReadString(c);
        }
        else if (char.IsLetter(c) || c == '_')
        {
            int end = _at + 1;
            while (end < _source.Length && (char.IsLetterOrDigit(_source[end]) || _source[end] == '_'))
            {
                end++;
            }
            Add(TemplateTokenKind.Name, _source[_at..end]);
            MoveTo(end);
        }
        else
        {
            string name = Array.Find(Operators, Looking) ?? throw new TemplateFault($"'{c}' cannot stand in a tag", _line);
            Balance(name[0]);
            Add(TemplateTokenKind.Operator, name);
            MoveTo(_at + name.Length);
        }
    }

    private void Balance(char bracket)
    {
        switch (bracket)
        {
            case '(':
                _open.Push(')');
                break;
            case '[':
                _open.Push(']');
                break;
            case '{':
                _open.Push('}');
                break;
            case ')' or ']' or '}' when !_open.TryPop(out char wanted) || wanted != bracket:
                throw new TemplateFault($"'{bracket}' closes nothing that is open", _line);
        }
    }

    private void ReadNumber()
    {
        Match real = _at > 0 && _source[_at - 1] == '.' ? Match.Empty : Float().Match(_source, _at);
        Match match = real.Success ? real : Integer().Match(_source, _at);
        string digits = match.Value.Replace("_", "", StringComparison.Ordinal);
        Add(
            TemplateTokenKind.Number,
            match.Value,
            real.Success ? new FloatValue(double.Parse(digits, CultureInfo.InvariantCulture)) : new IntValue(Whole(digits))
        );
        MoveTo(_at + match.Length);
    }

    private static BigInteger Whole(string digits)
    {
        int radix =
            digits.Length < 2
                ? 10
                : char.ToLowerInvariant(digits[1]) switch
                {
                    'x' => 16,
                    'o' => 8,
                    'b' => 2,
                    _ => 10,
                };
        return PythonNumber.ParseDigits(radix == 10 ? digits : digits[2..], radix) ?? BigInteger.Zero;
    }

    private void ReadString(char quote)
    {
        int end = _at + 1;
        while (end < _source.Length && _source[end] != quote)
        {
            end += _source[end] == '\\' ? 2 : 1;
        }
        if (end >= _source.Length)
        {
            throw new TemplateFault($"a text that begins with {quote} has no end", _line);
        }
        Add(TemplateTokenKind.String, StringLiteral.Unescape(_source.AsSpan(_at + 1, end - _at - 1), _line));
        MoveTo(end + 1);
    }

    [GeneratedRegex(@"\G\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})")]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"\G(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?[eE][+-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)")]
    private static partial Regex Float();

    [GeneratedRegex(@"\G(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?[0-9])*|0(?:_?0)*)")]
    private static partial Regex Integer();
}
