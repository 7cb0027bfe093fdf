namespace Inkstone.Text;

/// <summary>The word lists of all waiting candidates in one array; when it is full, the lists that still wait move to a new one.</summary>
internal sealed class OccurrenceArena(MergeQueue waiting)
{
    private int _used;

    public int[] Words { get; private set; } = new int[1 << 16];

    /// <summary>Room for <paramref name="count"/> words; earlier lists may move, so look them up again in the queue.</summary>
    public int Reserve(int count)
    {
        if (count > Words.Length - _used)
        {
            Compact(count);
        }
        int offset = _used;
        _used += count;
        return offset;
    }

    private void Compact(int count)
    {
        long live = count;
        foreach (ref readonly MergeCandidate candidate in waiting.Waiting)
        {
            live += candidate.WordCount;
        }
        if (live > Array.MaxLength)
        {
            throw new InvalidDataException(
                "the corpus has too many different words to learn merges from at once; train on a sample of it."
            );
        }
        int[] words = new int[Math.Min(Array.MaxLength, live * 2)];
        _used = 0;
        foreach (ref MergeCandidate candidate in waiting.Waiting)
        {
            Words.AsSpan(candidate.Words, candidate.WordCount).CopyTo(words.AsSpan(_used));
            candidate = candidate with { Words = _used };
            _used += candidate.WordCount;
        }
        Words = words;
    }
}
