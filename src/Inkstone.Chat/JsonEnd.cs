namespace Inkstone.Chat;

/// <summary>Finds where a JSON object ends.</summary>
internal struct JsonEnd
{
    private int _depth;
    private bool _inText,
        _escaped;

    public bool Begun { get; private set; }

    /// <summary>Takes the next character; true: it is the last one.</summary>
    public bool Read(char c)
    {
        if (char.IsWhiteSpace(c) && !Begun)
        {
            return false;
        }
        Begun = true;
        if (_inText)
        {
            (_inText, _escaped) = (_escaped || c != '"', !_escaped && c == '\\');
            return false;
        }
        _inText = c == '"';
        _depth +=
            c is '{' or '[' ? 1
            : c is '}' or ']' ? -1
            : 0;
        return _depth == 0;
    }
}
