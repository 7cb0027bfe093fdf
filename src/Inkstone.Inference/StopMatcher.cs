using System.Text;

namespace Inkstone.Inference;

/// <summary>
/// Finds stop texts in a stream of pieces. Text that may be the beginning of one is held back until that is decided. A stop text may hold
/// special tokens,
/// which stand in the stream but are never let through.
/// </summary>
internal sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _text = new(); // undecided
    private readonly List<bool> _hidden = []; // of each of its characters

    /// <summary>The stop text that was found; nothing after it is let through.</summary>
    public string? Found { get; private set; }

    /// <summary>True once a stop text was found.</summary>
    public bool Stopped => Found is not null;

    /// <summary>Takes the next piece and returns the text that may be shown now.</summary>
    /// <param name="piece">what follows</param>
    /// <param name="hidden">it is a special token</param>
    public string Push(string piece, bool hidden = false)
    {
        if (Stopped || piece.Length == 0)
        {
            return "";
        }
        if (stops.Count == 0)
        {
            return hidden ? "" : piece;
        }
        _text.Append(piece);
        _hidden.AddRange(Enumerable.Repeat(hidden, piece.Length));
        string text = _text.ToString();
        int found = -1;
        foreach (string stop in stops)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            (found, Found) = at >= 0 && (found < 0 || at < found) ? (at, stop) : (found, Found);
        }
        return Take(Stopped ? found : text.Length - Undecided(text));
    }

    /// <summary>The end of the stream: returns what was held back.</summary>
    public string Flush() => Stopped ? "" : Take(_text.Length);

    /// <summary>Lets the first characters go and returns those that are not hidden.</summary>
    private string Take(int count)
    {
        StringBuilder shown = new();
        for (int i = 0; i < count; i++)
        {
            if (!_hidden[i])
            {
                shown.Append(_text[i]);
            }
        }
        _text.Remove(0, count);
        _hidden.RemoveRange(0, count);
        return shown.ToString();
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
