using System.Globalization;
using System.Numerics;
using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

internal sealed partial class PythonLiteral
{
    private bool AtText()
    {
        int i = _at;
        while (i < _source.Length && i - _at < 2 && _source[i] is 'r' or 'R' or 'u' or 'U' or 'b' or 'B')
        {
            i++;
        }
        return i < _source.Length && _source[i] is '\'' or '"';
    }

    /// <summary>Texts that stand one behind the other are one.</summary>
    private StringValue ReadTexts()
    {
        StringBuilder text = new();
        while (AtText())
        {
            bool raw = false;
            while (Current is not ('\'' or '"'))
            {
                raw |= Current is 'r' or 'R';
                _at++;
            }
            ReadText(text, raw);
            SkipSpace();
        }
        return new StringValue(text.ToString());
    }

    private void ReadText(StringBuilder text, bool raw)
    {
        char quote = Current;
        string end = _source.AsSpan(_at).StartsWith(new string(quote, 3)) ? new string(quote, 3) : quote.ToString();
        _at += end.Length;
        while (!_source.AsSpan(Math.Min(_at, _source.Length)).StartsWith(end))
        {
            if (_at >= _source.Length || (end.Length == 1 && Current == '\n'))
            {
                throw Fault();
            }
            if (Current != '\\')
            {
                text.Append(Current);
                _at++;
            }
            else if (raw)
            {
                text.Append(_source.AsSpan(_at, Math.Min(2, _source.Length - _at)));
                _at += 2;
            }
            else
            {
                ReadEscape(text);
            }
        }
        _at += end.Length;
    }

    private void ReadEscape(StringBuilder text)
    {
        char c = _at + 1 < _source.Length ? _source[_at + 1] : throw Fault();
        int digits = c switch
        {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if (digits > 0)
        {
            if (
                _at + 2 + digits > _source.Length
                || !int.TryParse(
                    _source.AsSpan(_at + 2, digits),
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out int code
                )
                || code is < 0 or > 0x10FFFF
            )
            {
                throw Fault();
            }
            text.Append(code is >= 0xD800 and < 0xE000 ? ((char)code).ToString() : char.ConvertFromUtf32(code));
            _at += 2 + digits;
            return;
        }
        if (c is >= '0' and <= '7')
        {
            int value = 0,
                end = _at + 1;
            while (end < _source.Length && end < _at + 4 && _source[end] is >= '0' and <= '7')
            {
                value = (value * 8) + _source[end++] - '0';
            }
            text.Append((char)value);
            _at = end;
            return;
        }
        text.Append(
            c switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                'b' => "\b",
                'f' => "\f",
                'v' => "\v",
                'a' => "\a",
                '\\' => "\\",
                '\'' => "'",
                '"' => "\"",
                '\n' => "",
                _ => "\\" + c,
            }
        );
        _at += 2;
    }
}
