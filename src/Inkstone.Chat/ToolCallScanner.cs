using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Chat;

/// <summary>
/// Reads one call of a tool, or a list of them, character by character, in every form that models write: <c>{"name": …, "arguments":
/// {…}}</c>
/// (Qwen, Hermes; Llama 3 says "parameters"), a list of such objects (Mistral), a name followed by the arguments (newer Mistral, DeepSeek),
/// and
/// <c>&lt;function=name&gt;&lt;parameter=key&gt;…</c> (Qwen3-Coder). Arguments are handed on as they come, unchanged.
/// </summary>
/// <param name="begin">called with the name of each call</param>
/// <param name="arguments">called with the next part of its arguments</param>
internal sealed class ToolCallScanner(Action<string> begin, Action<string> arguments)
{
    /// <summary>What DeepSeek and Mistral write between name and arguments.</summary>
    private static readonly string[] Separators = ["<｜tool▁sep｜>", "[CALL_ID]", "[ARGS]", "```json", "```", "\n", "{"];

    private readonly StringBuilder _raw = new(),
        _token = new(),
        _held = new();
    private State _state = State.Start;
    private JsonEnd _value;
    private string? _key,
        _name;
    private bool _list,
        _atValue,
        _begun,
        _textual;
    private int _depth;
    private bool _inText,
        _escaped;

    private enum State
    {
        Start,
        Call,
        Named,
        NamedArguments,
        Tagged,
        Ended,
    }

    /// <summary>Everything read so far.</summary>
    public string Raw => _raw.ToString();

    /// <summary>Whether a call was told already, so that what was read cannot be taken back.</summary>
    public bool Told { get; private set; }

    /// <summary>Nothing but a closing marker may follow.</summary>
    public bool Ended => _state == State.Ended;

    /// <summary>What was read is no call.</summary>
    public bool Failed { get; private set; }

    /// <summary>Reads the next characters; returns how many belong to the call.</summary>
    public int Read(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (Ended || Failed)
            {
                return i;
            }
            _raw.Append(text[i]);
            Take(text[i]);
        }
        return text.Length;
    }

    /// <summary>The end of the text: what <c>&lt;function=…&gt;</c> holds is told as far as it goes.</summary>
    public void Finish()
    {
        if (_state == State.Tagged && !Ended)
        {
            TellTagged();
        }
        Failed |= !Told;
        _state = State.Ended;
    }

    private void Take(char c)
    {
        switch (_state)
        {
            case State.Start when char.IsWhiteSpace(c) || (_list && c == ','):
                break;
            case State.Start when c == '[' && !_list:
                _list = true;
                break;
            case State.Start when c == ']' && _list:
                _state = State.Ended;
                break;
            case State.Start when c == '{':
                (_state, _depth, _key, _name, _atValue, _begun, _inText) = (State.Call, 1, null, null, false, false, false);
                _held.Clear();
                break;
            case State.Start when c == '<':
                _state = State.Tagged;
                _token.Clear().Append(c);
                break;
            case State.Start when !_list && (char.IsLetter(c) || c == '_'):
                _state = State.Named;
                _token.Clear().Append(c);
                break;
            case State.Start:
                Failed = true;
                break;
            case State.Call:
                TakeOfObject(c);
                break;
            case State.Named:
                TakeOfName(c);
                break;
            case State.NamedArguments:
                TakeOfArguments(c);
                break;
            case State.Tagged:
                TakeTagged(c);
                break;
        }
    }

    private void TakeOfObject(char c)
    {
        bool inArguments = _atValue && _depth >= 1 && _key is "arguments" or "parameters" && !(_depth == 1 && !_inText && c is ',' or '}');
        if (_inText)
        {
            bool ends = !_escaped && c == '"';
            _escaped = !_escaped && c == '\\';
            if (_depth == 1 && !ends)
            {
                _token.Append(c);
            }
            if (ends)
            {
                _inText = false;
                if (_depth == 1)
                {
                    EndText();
                }
            }
        }
        else if (c == '"')
        {
            (_inText, _escaped) = (true, false);
            _token.Clear();
        }
        else if (c is '{' or '[')
        {
            _depth++;
        }
        else if (c is '}' or ']')
        {
            _depth--;
        }
        else if (_depth == 1 && c == ':' && !_atValue)
        {
            _atValue = true;
            return;
        }
        if (inArguments)
        {
            TellArgument(c);
        }
        if (_depth == 1 && !_inText && c == ',')
        {
            (_atValue, _key) = (false, null);
        }
        if (_depth == 0)
        {
            EndCall();
        }
    }

    /// <summary>A key, or a value of the outer object that is a text.</summary>
    private void EndText()
    {
        string? text = Unescape(_token.ToString());
        if (!_atValue)
        {
            _key = text;
        }
        else if (_key == "name" && _name is null && !string.IsNullOrEmpty(text))
        {
            _name = text;
            Begin(text);
            if (_held.Length > 0 && !_textual)
            {
                arguments(_held.ToString());
            }
        }
    }

    private void Begin(string name)
    {
        (_begun, Told) = (true, true);
        begin(name);
    }

    private void TellArgument(char c)
    {
        if (_held.Length == 0 && char.IsWhiteSpace(c))
        {
            return;
        }
        _textual = _held.Length == 0 ? c == '"' : _textual; // some models write the arguments as a text that holds JSON
        _held.Append(c);
        if (_begun && !_textual)
        {
            arguments(c.ToString());
        }
    }

    private void EndCall()
    {
        if (!_begun)
        {
            Failed = true;
            return;
        }
        if (_held.Length == 0)
        {
            arguments("{}");
        }
        else if (_textual)
        {
            arguments(Unescape(_held.ToString().Trim()[1..^1]) ?? "{}");
        }
        _state = _list ? State.Start : State.Ended;
    }

    private void TakeOfName(char c)
    {
        _token.Append(c);
        string text = _token.ToString();
        string? separator = Separators.FirstOrDefault(s => text.EndsWith(s, StringComparison.Ordinal));
        if (separator is null)
        {
            Failed = text.Length > 256;
            return;
        }
        string name = text[..^separator.Length].Trim();
        if (name is "function" or "")
        {
            _token.Clear(); // DeepSeek V3 writes the kind of the tool before its name
            Failed = separator == "{";
            return;
        }
        Begin(name);
        (_state, _value) = (State.NamedArguments, new JsonEnd());
        _token.Clear();
        if (separator == "{")
        {
            TakeOfArguments('{');
        }
    }

    /// <summary>What stands between name and arguments is skipped.</summary>
    private void TakeOfArguments(char c)
    {
        if (!_value.Begun && c != '{')
        {
            return;
        }
        arguments(c.ToString());
        if (_value.Read(c))
        {
            _state = State.Ended;
        }
    }

    private void TakeTagged(char c)
    {
        _token.Append(c);
        const string Opening = "<function=";
        int shown = Math.Min(Opening.Length, _token.Length);
        if (!Opening.AsSpan(0, shown).SequenceEqual(_token.ToString(0, shown)))
        {
            Failed = true;
        }
        else if (c == '>' && _token.ToString().EndsWith("</function>", StringComparison.Ordinal))
        {
            TellTagged();
        }
    }

    private void TellTagged()
    {
        string text = _token.ToString();
        int end = text.IndexOf('>', StringComparison.Ordinal);
        if (end < 0)
        {
            Failed = true;
            return;
        }
        JsonObject values = [];
        foreach (string part in text[(end + 1)..].Split("<parameter=").Skip(1))
        {
            int close = part.IndexOf('>', StringComparison.Ordinal),
                last = part.IndexOf("</parameter>", StringComparison.Ordinal);
            if (close > 0)
            {
                values[part[..close]] = Value((last > close ? part[(close + 1)..last] : part[(close + 1)..]).Trim('\n'));
            }
        }
        Begin(text["<function=".Length..end].Trim());
        arguments(values.ToJsonString(ChatJson.Readable));
        _state = State.Ended;
    }

    /// <summary>Numbers, lists and objects as JSON, everything else as the text that it is.</summary>
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text) is { } value && value.GetValueKind() != JsonValueKind.String ? value : text;
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string? Unescape(string text)
    {
        try
        {
            return JsonSerializer.Deserialize($"\"{text}\"", ChatJson.Default.String);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
