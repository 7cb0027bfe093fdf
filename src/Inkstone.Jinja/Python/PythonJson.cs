using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>json.dumps as chat templates use it: characters beyond ASCII stay, nothing is escaped for HTML.</summary>
internal sealed class PythonJson(bool ascii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    private readonly StringBuilder _text = new();

    public string Write(Value value)
    {
        Write(value, 0);
        return _text.ToString();
    }

    /// <summary>Text with characters beyond ASCII as Python's escapes.</summary>
    public static string Ascii(string text)
    {
        StringBuilder escaped = new();
        for (int i = 0; i < text.Length; i += CodePoints.LengthAt(text, i))
        {
            int value = CodePoints.ValueAt(text, i);
            escaped.Append(
                value < 128 ? ((char)value).ToString()
                : value < 256 ? "\\x" + value.ToString("x2", CultureInfo.InvariantCulture)
                : value < 0x10000 ? "\\u" + value.ToString("x4", CultureInfo.InvariantCulture)
                : "\\U" + value.ToString("x8", CultureInfo.InvariantCulture)
            );
        }
        return escaped.ToString();
    }

    private void Write(Value value, int depth)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        PythonText.CheckLength(_text);
        switch (value)
        {
            case StringValue text:
                WriteText(text.Content);
                break;
            case NoneValue or BoolValue or IntValue or FloatValue:
                _text.Append(Scalar(value));
                break;
            case SequenceValue row:
                WriteAll('[', ']', row.Elements, depth, element => Write(element, depth + 1));
                break;
            case DictValue dict:
                IEnumerable<Value> keys = sortKeys ? Comparison.Sort(dict.Entries.Keys, k => k, reverse: false) : dict.Entries.Keys;
                WriteAll(
                    '{',
                    '}',
                    [.. keys],
                    depth,
                    key =>
                    {
                        WriteText(Key(key));
                        _text.Append(keySeparator);
                        Write(dict.Entries[key], depth + 1);
                    }
                );
                break;
            default:
                throw new TemplateFault(
                    $"Object of type {value.TypeName[(value.TypeName.LastIndexOf('.') + 1)..]} is not JSON serializable"
                );
        }
    }

    private void WriteAll(char open, char close, IReadOnlyList<Value> items, int depth, Action<Value> write)
    {
        _text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            _text.Append(i == 0 ? "" : itemSeparator);
            NewLine(depth + 1);
            write(items[i]);
        }
        if (items.Count > 0)
        {
            NewLine(depth);
        }
        _text.Append(close);
    }

    private void NewLine(int depth)
    {
        if (indent is not null)
        {
            _text.Append('\n').Append(PythonText.Repeat(indent, depth));
        }
    }

    private static string Key(Value key) =>
        key switch
        {
            StringValue text => text.Content,
            NoneValue or BoolValue or IntValue or FloatValue => Scalar(key),
            _ => throw new TemplateFault($"keys must be str, int, float, bool or None, not {key.TypeName}"),
        };

    private static string Scalar(Value value) =>
        value switch
        {
            NoneValue => "null",
            BoolValue flag => flag.IsTrue ? "true" : "false",
            FloatValue { Number: double number } when !double.IsFinite(number) => double.IsNaN(number) ? "NaN"
            : number > 0 ? "Infinity"
            : "-Infinity",
            _ => value.Text,
        };

    private void WriteText(string text)
    {
        _text.Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => _text.Append("\\\""),
                '\\' => _text.Append("\\\\"),
                '\n' => _text.Append("\\n"),
                '\r' => _text.Append("\\r"),
                '\t' => _text.Append("\\t"),
                '\b' => _text.Append("\\b"),
                '\f' => _text.Append("\\f"),
                < ' ' => Escaped(c),
                > '~' when ascii => Escaped(c),
                _ => _text.Append(c),
            };
        }
        _text.Append('"');

        StringBuilder Escaped(char c) => _text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
    }
}
