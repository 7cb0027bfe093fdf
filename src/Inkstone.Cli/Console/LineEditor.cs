using System.Globalization;
using System.Text;

namespace Inkstone.Cli;

/// <summary>
/// A message typed on a terminal: characters of any width, several lines by paste or Alt-Enter, the usual keys of a shell's line editor,
/// and the
/// messages before it under Up and Down.
/// </summary>
/// <param name="screen">where it is drawn</param>
/// <param name="keys">what is typed</param>
/// <param name="size">columns and rows of the terminal</param>
internal sealed class LineEditor(TextWriter screen, IKeys keys, Func<(int Columns, int Rows)> size)
{
    private readonly List<string> _history = [];
    private string _text = "",
        _draft = "",
        _prompt = "";
    private int _cursor,
        _at,
        _cursorRow;
    private bool _ended,
        _leaving;

    /// <summary>The message, or null when the user leaves: by Ctrl-D, or by Ctrl-C twice where nothing is typed.</summary>
    public string? Read(string prompt)
    {
        (_prompt, _text, _draft, _cursor, _cursorRow, _at, _ended, _leaving) = (prompt, "", "", 0, 0, _history.Count, false, false);
        Draw();
        while (!_ended)
        {
            if (keys.Read() is not { } key || !Take(key))
            {
                Finish();
                return null;
            }
            if (!_ended && !keys.Waiting)
            {
                Draw();
            }
        }
        Finish();
        if (_text.Length > 0 && (_history.Count == 0 || _history[^1] != _text))
        {
            _history.Add(_text);
        }
        return _text;
    }

    /// <summary>Does what a key says; false to leave.</summary>
    private bool Take(Key key)
    {
        switch (key)
        {
            case { Pasted: { } text }:
                Insert(text.ReplaceLineEndings("\n").Replace("\t", "    ", StringComparison.Ordinal));
                break;
            case { Code: ConsoleKey.Enter, Alt: true }:
                Insert("\n");
                break;
            case { Code: ConsoleKey.Enter }:
                _ended = true;
                break;
            case { Control: 'C' } when _text.Length > 0:
                Replace("");
                break;
            case { Control: 'C' } when !_leaving: // it may be meant for an answer that has just ended
                _leaving = true;
                screen.Write("\r\e[J(once more leaves, and so does Ctrl-D)\n");
                return true;
            case { Control: 'C' }:
            case { Control: 'D' } when _text.Length == 0:
                return false;
            case { Code: ConsoleKey.LeftArrow, Word: true }:
                _cursor = WordBefore();
                break;
            case { Code: ConsoleKey.RightArrow, Word: true }:
                _cursor = WordAfter();
                break;
            case { Code: ConsoleKey.LeftArrow } or { Control: 'B' }:
                _cursor = Before();
                break;
            case { Code: ConsoleKey.RightArrow } or { Control: 'F' }:
                _cursor = After();
                break;
            case { Code: ConsoleKey.Home } or { Control: 'A' }:
                _cursor = LineStart();
                break;
            case { Code: ConsoleKey.End } or { Control: 'E' }:
                _cursor = LineEnd();
                break;
            case { Code: ConsoleKey.Backspace, Alt: true } or { Control: 'W' }:
                Delete(WordBefore(), _cursor);
                break;
            case { Code: ConsoleKey.Backspace } or { Control: 'H' }:
                Delete(Before(), _cursor);
                break;
            case { Code: ConsoleKey.Delete } or { Control: 'D' }:
                Delete(_cursor, After());
                break;
            case { Control: 'U' }:
                Delete(LineStart(), _cursor);
                break;
            case { Control: 'K' }:
                Delete(_cursor, LineEnd());
                break;
            case { Control: 'L' }:
                screen.Write("\e[H\e[2J");
                _cursorRow = 0;
                break;
            case { Code: ConsoleKey.UpArrow } or { Control: 'P' }:
                Recall(_at - 1);
                break;
            case { Code: ConsoleKey.DownArrow } or { Control: 'N' }:
                Recall(_at + 1);
                break;
            case { Text: { } text }:
                Insert(text);
                break;
        }
        _leaving = false;
        return true;
    }

    private void Insert(string text)
    {
        _text = _text.Insert(_cursor, text);
        _cursor += text.Length;
    }

    private void Delete(int from, int to)
    {
        _text = _text.Remove(from, to - from);
        _cursor = from;
    }

    private void Replace(string text) => (_text, _cursor) = (text, text.Length);

    private void Recall(int index)
    {
        if (index < 0 || index > _history.Count)
        {
            return;
        }
        if (_at == _history.Count)
        {
            _draft = _text;
        }
        _at = index;
        Replace(index == _history.Count ? _draft : _history[index]);
    }

    private int Before()
    {
        int at = 0;
        for (int next = 0; next < _cursor; next += StringInfo.GetNextTextElementLength(_text, next))
        {
            at = next;
        }
        return at;
    }

    private int After() => _cursor == _text.Length ? _cursor : _cursor + StringInfo.GetNextTextElementLength(_text, _cursor);

    private int LineStart() => _text.LastIndexOf('\n', Math.Max(0, _cursor - 1), _cursor) + 1;

    private int LineEnd() => _text.IndexOf('\n', _cursor) is >= 0 and int end ? end : _text.Length;

    private int WordBefore()
    {
        int at = _cursor;
        while (at > 0 && char.IsWhiteSpace(_text[at - 1]))
        {
            at--;
        }
        while (at > 0 && !char.IsWhiteSpace(_text[at - 1]))
        {
            at--;
        }
        return at;
    }

    private int WordAfter()
    {
        int at = _cursor;
        while (at < _text.Length && char.IsWhiteSpace(_text[at]))
        {
            at++;
        }
        while (at < _text.Length && !char.IsWhiteSpace(_text[at]))
        {
            at++;
        }
        return at;
    }

    /// <summary>Draws prompt and text anew over what was drawn before, at most a screen of rows around the cursor.</summary>
    private void Draw()
    {
        (int columns, int rows) = size();
        (List<string> lines, int cursorRow, int cursorColumn) = Layout(Math.Max(8, columns - 1));
        int most = Math.Max(1, rows - 1),
            first = Math.Clamp(cursorRow - most + 1, 0, Math.Max(0, lines.Count - most));
        int shown = Math.Min(most, lines.Count - first);
        StringBuilder output = new();
        Up(output, _cursorRow);
        output.Append("\r\e[J").AppendJoin("\n", lines.Skip(first).Take(shown));
        _cursorRow = cursorRow - first;
        Up(output, shown - 1 - _cursorRow);
        output.Append('\r');
        if (cursorColumn > 0)
        {
            output.Append(CultureInfo.InvariantCulture, $"\e[{cursorColumn}C");
        }
        screen.Write(output.ToString());
        screen.Flush();
    }

    private static void Up(StringBuilder output, int rows)
    {
        if (rows > 0)
        {
            output.Append(CultureInfo.InvariantCulture, $"\e[{rows}A");
        }
    }

    /// <summary>Rows of at most <paramref name="width"/> cells, broken by us so that no terminal has to, and the place of the
    /// cursor.</summary>
    private (List<string> Rows, int CursorRow, int CursorColumn) Layout(int width)
    {
        List<string> rows = [];
        StringBuilder row = new(_prompt);
        int column = Cells.Count(_prompt),
            index = 0;
        (int Row, int Column) cursor = (0, column);
        foreach (string element in Cells.Elements(_text))
        {
            int cells = Cells.OfElement(element);
            if (element == "\n" || column + cells > width)
            {
                if (index == _cursor && element == "\n")
                {
                    cursor = (rows.Count, column);
                }
                rows.Add(row.ToString());
                row.Clear().Append(element == "\n" ? "  " : "");
                column = element == "\n" ? 2 : 0;
            }
            if (index == _cursor && element != "\n")
            {
                cursor = (rows.Count, column);
            }
            if (element != "\n")
            {
                row.Append(Format.Visible(element));
                column += cells;
            }
            index += element.Length;
        }
        if (_cursor == _text.Length)
        {
            cursor = (rows.Count, column);
        }
        rows.Add(row.ToString());
        return (rows, cursor.Row, cursor.Column);
    }

    /// <summary>Leaves the cursor on a line of its own below the text.</summary>
    private void Finish()
    {
        _cursor = _text.Length;
        Draw();
        screen.Write("\n");
        screen.Flush();
    }
}
