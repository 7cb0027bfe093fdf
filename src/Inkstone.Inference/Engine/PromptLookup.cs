namespace Inkstone.Inference;

/// <summary>Guesses how a text goes on from what followed the same tokens before (prompt lookup decoding): for answers that repeat parts of
/// their prompt, such as quotations, summaries and code.</summary>
internal static class PromptLookup
{
    private const int Longest = 3,
        Shortest = 2;

    /// <summary>Fills <paramref name="guess"/> with the tokens behind the latest earlier place at which the last three, or two, tokens
    /// stand; returns how many.</summary>
    public static int Guess(ReadOnlySpan<int> ids, Span<int> guess)
    {
        for (int length = Math.Min(Longest, ids.Length - 1); length >= Shortest; length--)
        {
            ReadOnlySpan<int> end = ids[^length..];
            int at = ids[..^1].LastIndexOf(end);
            if (at >= 0)
            {
                ReadOnlySpan<int> next = ids[(at + length)..];
                int count = Math.Min(guess.Length, next.Length);
                next[..count].CopyTo(guess);
                return count;
            }
        }
        return 0;
    }
}
