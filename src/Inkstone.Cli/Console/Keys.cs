using System.Text;

namespace Inkstone.Cli;

/// <summary>Something typed: a named key, a letter with Ctrl, text, or what was pasted.</summary>
/// <param name="Code">the key where it has a name</param>
/// <param name="Text">what it writes, a whole character</param>
/// <param name="Control">A to Z when held with Ctrl</param>
/// <param name="Alt">held with Alt</param>
/// <param name="Word">an arrow held with Ctrl or Alt: word by word</param>
/// <param name="Pasted">text that was pasted, with its line ends</param>
internal readonly record struct Key(
    ConsoleKey Code = ConsoleKey.None,
    string? Text = null,
    char Control = '\0',
    bool Alt = false,
    bool Word = false,
    string? Pasted = null
);

/// <summary>A source of keys.</summary>
internal interface IKeys
{
    /// <summary>The next key; null at the end of input.</summary>
    Key? Read();

    /// <summary>Whether more was typed already, so that drawing can wait.</summary>
    bool Waiting { get; }
}

/// <summary>
/// The keys of the console, with Ctrl-C as a key while one is waited for, surrogates joined, and pasted text told from typed text by the
/// marks that terminals put around it (bracketed paste, ESC [200~ and ESC [201~).
/// </summary>
internal sealed class ConsoleKeys : IKeys, IDisposable
{
    private const string PasteBegins = "[200~",
        PasteEnds = "\e[201~";

    private readonly TextWriter _terminal;

    /// <summary>Asks the terminal for those marks.</summary>
    public ConsoleKeys(TextWriter terminal)
    {
        _terminal = terminal;
        AppDomain.CurrentDomain.ProcessExit += Leave;
        _terminal.Write("\e[?2004h");
    }

    public bool Waiting => Console.KeyAvailable;

    public Key? Read()
    {
        Console.TreatControlCAsInput = true;
        try
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            return key.KeyChar == '\e' && Console.KeyAvailable ? Escaped() : Translate(key);
        }
        finally
        {
            Console.TreatControlCAsInput = false;
        }
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= Leave;
        _terminal.Write("\e[?2004l");
        _terminal.Flush();
    }

    /// <summary>A key as the console gives it.</summary>
    private static Key Translate(ConsoleKeyInfo key)
    {
        bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control),
            alt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        if (
            key.Key
            is ConsoleKey.Enter
                or ConsoleKey.Backspace
                or ConsoleKey.Delete
                or ConsoleKey.Home
                or ConsoleKey.End
                or ConsoleKey.LeftArrow
                or ConsoleKey.RightArrow
                or ConsoleKey.UpArrow
                or ConsoleKey.DownArrow
        )
        {
            return new Key(key.Key, Alt: alt, Word: control || alt);
        }
        if (key.KeyChar is > '\0' and <= '\x1A' and not '\t')
        {
            return new Key(Control: (char)('A' + key.KeyChar - 1));
        }
        if (char.IsHighSurrogate(key.KeyChar))
        {
            return new Key(Text: new string([key.KeyChar, Console.ReadKey(intercept: true).KeyChar]));
        }
        return char.IsControl(key.KeyChar) || alt ? new Key() : new Key(Text: key.KeyChar.ToString());
    }

    /// <summary>What follows an ESC that the console does not know: pasted text, or a sequence that means nothing here.</summary>
    private static Key Escaped()
    {
        StringBuilder sequence = new();
        while (Console.KeyAvailable)
        {
            char c = Console.ReadKey(intercept: true).KeyChar;
            sequence.Append(c);
            if (sequence.Length > 1 && c is >= '@' and <= '~')
            {
                break;
            }
        }
        return sequence.ToString() == PasteBegins ? new Key(Pasted: Paste()) : new Key();
    }

    private static string Paste()
    {
        StringBuilder text = new();
        while (text.Length < PasteEnds.Length || text.ToString(text.Length - PasteEnds.Length, PasteEnds.Length) != PasteEnds)
        {
            text.Append(Console.ReadKey(intercept: true).KeyChar);
        }
        return text.ToString(0, text.Length - PasteEnds.Length);
    }

    private void Leave(object? sender, EventArgs e) => Dispose();
}
