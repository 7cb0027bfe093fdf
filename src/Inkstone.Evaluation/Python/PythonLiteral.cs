using System.Globalization;
using System.Numerics;
using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Python's <c>ast.literal_eval</c>: texts, numbers, lists, tuples, dicts, True, False and None.</summary>
internal sealed partial class PythonLiteral
{
    private readonly string _source;
    private int _at;

    private PythonLiteral(string source) => _source = source;

    /// <exception cref="FormatException">The text is no literal.</exception>
    public static Value Read(string source)
    {
        PythonLiteral reader = new(source);
        Value value = reader.ReadTuple(end: '\0');
        return reader._at == source.Length ? value : throw reader.Fault();
    }

    /// <summary>The value, or null where the text is no literal.</summary>
    public static Value? TryRead(string source)
    {
        try
        {
            return Read(source);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private char Current => _at < _source.Length ? _source[_at] : '\0';

    private FormatException Fault() =>
        new($"'{(_source.Length > 80 ? _source[..80] + "…" : _source)}' cannot be read as a value of Python, from character {_at + 1} on");

    private void SkipSpace()
    {
        while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
        {
            _at++;
        }
    }

    /// <summary>One value, or a tuple where commas follow.</summary>
    private Value ReadTuple(char end)
    {
        (List<Value> items, bool comma) = ReadItems(end);
        return !comma && items.Count == 1 ? items[0]
            : items.Count > 0 || end == ')' ? new TupleValue(items)
            : throw Fault();
    }

    private (List<Value> Items, bool Comma) ReadItems(char end)
    {
        List<Value> items = [];
        bool comma = false;
        SkipSpace();
        while (Current != end)
        {
            items.Add(ReadValue());
            SkipSpace();
            if (Current == ',')
            {
                comma = true;
                _at++;
                SkipSpace();
            }
            else
            {
                break;
            }
        }
        return (items, comma);
    }

    private Value ReadValue()
    {
        SkipSpace();
        char c = Current;
        switch (c)
        {
            case '[':
                _at++;
                (List<Value> items, _) = ReadItems(']');
                Expect(']');
                return new ListValue(items);
            case '(':
                _at++;
                Value value = ReadTuple(')');
                Expect(')');
                return value;
            case '{':
                return ReadDict();
            case '-' or '+':
                _at++;
                Value number = ReadValue();
                return c == '+'
                    ? number
                    : number switch
                    {
                        IntValue whole => new IntValue(-whole.Number),
                        FloatValue real => new FloatValue(-real.Number),
                        _ => throw Fault(),
                    };
            default:
                return char.IsAsciiDigit(c) || c == '.' ? ReadNumber()
                    : AtText() ? ReadTexts()
                    : ReadName();
        }
    }

    private void Expect(char c)
    {
        SkipSpace();
        if (Current != c)
        {
            throw Fault();
        }
        _at++;
    }

    private DictValue ReadDict()
    {
        OrderedDictionary<Value, Value> entries = [];
        Expect('{');
        SkipSpace();
        while (Current != '}')
        {
            Value key = ReadValue();
            Expect(':');
            entries[key] = ReadValue();
            SkipSpace();
            if (Current == ',')
            {
                _at++;
                SkipSpace();
            }
            else
            {
                break;
            }
        }
        Expect('}');
        return new DictValue(entries);
    }

    private Value ReadName()
    {
        int end = _at;
        while (end < _source.Length && (char.IsLetterOrDigit(_source[end]) || _source[end] == '_'))
        {
            end++;
        }
        Value value = _source[_at..end] switch
        {
            "True" => BoolValue.True,
            "False" => BoolValue.False,
            "None" => NoneValue.None,
            _ => throw Fault(),
        };
        _at = end;
        return value;
    }

    private Value ReadNumber()
    {
        int end = _at;
        while (
            end < _source.Length
            && (
                char.IsAsciiLetterOrDigit(_source[end])
                || _source[end] is '.' or '_'
                || (_source[end] is '+' or '-' && _source[end - 1] is 'e' or 'E')
            )
        )
        {
            end++;
        }
        string digits = _source[_at..end].Replace("_", "", StringComparison.Ordinal);
        // Zeros before a number are an error in Python.
        bool octalLike = digits.Length > 1 && digits[0] == '0' && digits.All(char.IsAsciiDigit) && digits.Any(d => d != '0');
        Value? value =
            octalLike ? null
            : BigInteger.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out BigInteger whole) ? new IntValue(whole)
            : double.TryParse(
                digits,
                NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture,
                out double real
            )
                ? new FloatValue(real)
            : null;
        _at = value is null ? _at : end;
        return value ?? throw Fault();
    }
}
