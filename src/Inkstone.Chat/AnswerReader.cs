using System.Text;

namespace Inkstone.Chat;

/// <summary>Takes apart what a model writes, as it comes: thoughts (<c>&lt;think&gt;…&lt;/think&gt;</c>), the answer, calls of
/// tools.</summary>
internal sealed class AnswerReader
{
    private const string ThoughtOpens = "<think>",
        ThoughtCloses = "</think>";

    private readonly ToolForm? _tools;
    private readonly Action<PieceKind, string, int> _tell;
    private readonly bool _thoughts;
    private readonly StringBuilder _pending = new();
    private ToolCallScanner? _call;
    private State _state;
    private bool _saidAnything,
        _trim;
    private int _calls;
    private JsonEnd _arguments;
    private bool _argumentsBegun;

    /// <summary>Begins.</summary>
    /// <param name="tools">how calls are written; null: there are no tools</param>
    /// <param name="thoughts">whether thoughts are told apart from the answer</param>
    /// <param name="inThought">whether the prompt has opened a thought</param>
    /// <param name="tell">kind, text, and number of the call</param>
    public AnswerReader(ToolForm? tools, bool thoughts, bool inThought, Action<PieceKind, string, int> tell)
    {
        (_tools, _thoughts, _tell) = (tools, thoughts, tell);
        _state = thoughts && inThought ? State.Thought : State.Answer;
        _trim = _state == State.Thought;
    }

    /// <summary>Reads an answer that is nothing but a call.</summary>
    /// <param name="tools">how calls are written</param>
    /// <param name="name">the tool, where it is given and only arguments follow</param>
    /// <param name="tell">kind, text, and number of the call</param>
    public static AnswerReader OfForcedCall(ToolForm tools, string? name, Action<PieceKind, string, int> tell)
    {
        AnswerReader reader = new(tools, thoughts: false, inThought: false, tell);
        if (name is null)
        {
            reader.BeginCall();
        }
        else
        {
            reader._state = State.Arguments;
            reader._calls = 1;
            tell(PieceKind.Call, name, 0);
        }
        return reader;
    }

    private enum State
    {
        Thought,
        Answer,
        Call,
        AfterCall,
        Arguments,
    }

    /// <summary>Whether the first call is complete.</summary>
    public bool FirstCallEnded => _calls > 1 || (_calls == 1 && _state == State.AfterCall);

    /// <summary>Calls so far.</summary>
    public int Calls => _calls;

    /// <summary>Takes the next piece.</summary>
    public void Add(string text)
    {
        _pending.Append(text);
        while (_pending.Length > 0 && Step()) { }
    }

    /// <summary>The end of the text: what was held back is told.</summary>
    public void End()
    {
        if (_state == State.Call)
        {
            _call!.Finish();
            EndCall();
        }
        if (_pending.Length > 0 && _state != State.AfterCall)
        {
            Say(_state == State.Thought ? PieceKind.Thought : PieceKind.Text, _pending.ToString());
        }
        _pending.Clear();
    }

    /// <summary>False: more text is needed.</summary>
    private bool Step()
    {
        string text = _pending.ToString();
        switch (_state)
        {
            case State.Arguments:
                return Arguments(text);
            case State.Thought:
                return Until(text, [ThoughtCloses], PieceKind.Thought, _ => (_state, _trim) = (State.Answer, true));
            case State.Call:
                int read = _call!.Read(text);
                _pending.Remove(0, read);
                if (_call.Ended || _call.Failed)
                {
                    EndCall();
                }
                return true;
            case State.AfterCall:
                return SkipClosing(text);
            default:
                return Answer(text);
        }
    }

    /// <summary>What stands behind the arguments is not theirs.</summary>
    private bool Arguments(string text)
    {
        int length = 0;
        bool ended = false;
        while (length < text.Length && !ended)
        {
            ended = _arguments.Read(text[length++]);
        }
        string part = _argumentsBegun ? text[..length] : text[..length].TrimStart();
        _argumentsBegun |= part.Length > 0;
        if (part.Length > 0)
        {
            _tell(PieceKind.Arguments, part, 0);
        }
        _pending.Clear();
        _state = ended ? State.AfterCall : State.Arguments;
        return false;
    }

    private bool Answer(string text)
    {
        if (!_saidAnything)
        {
            string start = text.TrimStart();
            if (start.Length == 0)
            {
                return false; // white space alone decides nothing
            }
            if (_thoughts && start.StartsWith(ThoughtOpens, StringComparison.Ordinal))
            {
                _pending.Remove(0, text.Length - start.Length + ThoughtOpens.Length);
                (_state, _trim) = (State.Thought, true);
                return true;
            }
            if (_thoughts && ThoughtOpens.StartsWith(start, StringComparison.Ordinal))
            {
                return false;
            }
            if (_tools is { Bare: true } && start[0] == '{')
            {
                _pending.Remove(0, text.Length - start.Length);
                BeginCall();
                return true;
            }
        }
        return Until(text, _tools?.Opens ?? [], PieceKind.Text, _ => BeginCall());
    }

    /// <summary>Tells what stands before the first of <paramref name="markers"/>, which is dropped; holds back what may become
    /// one.</summary>
    private bool Until(string text, string[] markers, PieceKind kind, Action<string> found)
    {
        (int at, string marker) = markers
            .Select(m => (At: text.IndexOf(m, StringComparison.Ordinal), m))
            .Where(f => f.At >= 0)
            .OrderBy(f => f.At)
            .ThenByDescending(f => f.m.Length)
            .FirstOrDefault((-1, ""));
        if (at >= 0)
        {
            // The line ends between a thought or an answer and what follows belong to neither.
            Say(kind, text[..at].TrimEnd());
            _pending.Remove(0, at + marker.Length);
            found(marker);
            return true;
        }
        int held = markers.Select(m => Undecided(text, m)).DefaultIfEmpty(0).Max();
        if (markers.Length > 0)
        {
            // White space may stand before a marker.
            while (held < text.Length && char.IsWhiteSpace(text[text.Length - held - 1]))
            {
                held++;
            }
        }
        Say(kind, text[..^held]);
        _pending.Remove(0, text.Length - held);
        return false;
    }

    private void BeginCall()
    {
        _state = State.Call;
        _call = new ToolCallScanner(name => _tell(PieceKind.Call, name, _calls++), part => _tell(PieceKind.Arguments, part, _calls - 1));
    }

    private void EndCall()
    {
        ToolCallScanner call = _call!;
        if (call.Failed && !call.Told)
        {
            // It looked like a call and is none: it is what the model says, and nothing is lost.
            _state = State.Answer;
            Say(PieceKind.Text, call.Raw);
            return;
        }
        _state = State.AfterCall;
    }

    private bool SkipClosing(string text)
    {
        string rest = text.TrimStart();
        foreach (string close in _tools!.Closes)
        {
            if (rest.StartsWith(close, StringComparison.Ordinal))
            {
                _pending.Remove(0, text.Length - rest.Length + close.Length);
                return true;
            }
        }
        if (rest.Length == 0 || _tools.Closes.Any(close => close.StartsWith(rest, StringComparison.Ordinal)))
        {
            return false;
        }
        _pending.Remove(0, text.Length - rest.Length);
        if (_tools.Bare && rest[0] == '{')
        {
            BeginCall();
        }
        else
        {
            _state = State.Answer;
            _saidAnything = true;
        }
        return true;
    }

    private void Say(PieceKind kind, string text)
    {
        text = _trim ? text.TrimStart() : text;
        if (text.Length > 0)
        {
            _trim = false;
            _saidAnything |= kind == PieceKind.Text;
            _tell(kind, text, 0);
        }
    }

    /// <summary>Length of the longest end of the text that begins the marker.</summary>
    private static int Undecided(string text, string marker)
    {
        for (int n = Math.Min(marker.Length - 1, text.Length); n > 0; n--)
        {
            if (text.AsSpan(text.Length - n).SequenceEqual(marker.AsSpan(0, n)))
            {
                return n;
            }
        }
        return 0;
    }
}
