using System.Text;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>
/// stderr where it is a terminal: lines of text that scroll, and below them one line that is rewritten in place. Whatever is written goes
/// through here, so that it never meets that line; long lines end between words.
/// </summary>
internal sealed class Terminal(TextWriter inner, Func<int> width) : TextWriter
{
    private const string Erase = "\r\e[K";
    private const int UsualWidth = 80;

    private readonly Lock _lock = new();
    private string _live = "";
    private bool _shown,
        _lineOpen;

    /// <summary>stderr as a terminal, or <paramref name="error"/> itself where it is none that can rewrite a line.</summary>
    public static TextWriter Wrap(TextWriter error)
    {
        bool able =
            !Console.IsErrorRedirected
            && AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) }).Profile.Capabilities.Ansi;
        return able ? new Terminal(error, ConsoleWidth) : error;

        static int ConsoleWidth()
        {
            try
            {
                return Console.WindowWidth is > 0 and int width ? width : UsualWidth;
            }
            catch (IOException)
            {
                return UsualWidth;
            }
        }
    }

    public override Encoding Encoding => inner.Encoding;

    /// <summary>Cells of a line; the last column stays free, where terminals differ in when they wrap.</summary>
    public int Width => Math.Max(20, width() - 1);

    /// <summary>The line that is rewritten; empty: none.</summary>
    public void Show(string line)
    {
        lock (_lock)
        {
            _live = line;
            Hide();
            Redraw();
            inner.Flush();
        }
    }

    /// <summary>Writes to another writer of the same terminal, stdout say, as if it were this one.</summary>
    public void Around(Action write)
    {
        lock (_lock)
        {
            Hide();
            inner.Flush();
            write();
            Redraw();
            inner.Flush();
        }
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }
        lock (_lock)
        {
            Hide();
            inner.Write(value);
            _lineOpen = value[^1] != '\n';
            Redraw();
            inner.Flush();
        }
    }

    public override void WriteLine(string? value) => Write((_lineOpen ? value : Cells.Wrap(value ?? "", Width)) + "\n");

    public override void WriteLine() => Write("\n");

    public override void Flush() => inner.Flush();

    private void Hide()
    {
        if (_shown)
        {
            inner.Write(Erase);
            _shown = false;
        }
    }

    private void Redraw()
    {
        if (_live.Length > 0 && !_lineOpen)
        {
            inner.Write(Cells.Fit(_live, Width));
            _shown = true;
        }
    }
}
