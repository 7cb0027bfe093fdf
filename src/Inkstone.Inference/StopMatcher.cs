namespace Inkstone.Inference;

/// <summary>Finds stop texts in a stream of pieces. Text that may be the beginning of one is held back until that is decided.</summary>
public sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>True once a stop text was found; nothing after it is let through.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Takes the next piece and returns the text that may be shown now.</summary>
    public string Push(string piece)
    {
        if (Stopped || (piece.Length == 0 && _held.Length == 0))
        {
            return "";
        }
        string text = _held + piece;
        int found = -1;
        foreach (string stop in stops)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            found = at >= 0 && (found < 0 || at < found) ? at : found;
        }
        Stopped = found >= 0;
        int shown = Stopped ? found : text.Length - Undecided(text);
        _held = Stopped ? "" : text[shown..];
        return text[..shown];
    }

    /// <summary>The end of the stream: returns what was held back.</summary>
    public string Flush()
    {
        (string rest, _held) = (_held, "");
        return rest;
    }

    /// <summary>Length of the longest end of the text that begins a stop text.</summary>
    private int Undecided(string text)
    {
        int longest = 0;
        foreach (string stop in stops)
        {
            for (int n = Math.Min(stop.Length - 1, text.Length); n > longest; n--)
            {
                if (text.AsSpan(text.Length - n).SequenceEqual(stop.AsSpan(0, n)))
                {
                    longest = n;
                }
            }
        }
        return longest;
    }
}
