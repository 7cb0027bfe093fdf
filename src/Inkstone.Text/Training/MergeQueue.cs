namespace Inkstone.Text;

/// <summary>A pair that waits to be merged: its count when it was queued and the words in which it arose then, as a slice of the occurrence
/// arena.</summary>
internal readonly record struct MergeCandidate(long Count, ulong Pair, int Words, int WordCount)
{
    /// <summary>Hugging Face's order: the highest count first, then the lowest pair of ids.</summary>
    public bool Before(in MergeCandidate other) => Count != other.Count ? Count > other.Count : Pair < other.Pair;
}

/// <summary>Heap with eight children a node: most candidates are rare pairs that are pushed to the bottom and never move.</summary>
internal sealed class MergeQueue
{
    private MergeCandidate[] _heap = new MergeCandidate[1024];

    public int Count { get; private set; }

    /// <summary>Everything that waits, in no order, for the arena to move its words.</summary>
    public Span<MergeCandidate> Waiting => _heap.AsSpan(0, Count);

    public void Push(in MergeCandidate candidate)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, Count * 2);
        }
        int i = Count++;
        while (i > 0 && candidate.Before(_heap[(i - 1) / 8]))
        {
            _heap[i] = _heap[(i - 1) / 8];
            i = (i - 1) / 8;
        }
        _heap[i] = candidate;
    }

    public MergeCandidate Pop()
    {
        MergeCandidate top = _heap[0];
        MergeCandidate last = _heap[--Count];
        if (Count > 0)
        {
            Sink(last);
        }
        return top;
    }

    /// <summary>Gives the first candidate its count of now, when that has fallen or grown since.</summary>
    public void Recount(long count) => Sink(_heap[0] with { Count = count });

    public ref readonly MergeCandidate First => ref _heap[0];

    private void Sink(in MergeCandidate candidate)
    {
        int i = 0;
        while (true)
        {
            int child = (8 * i) + 1;
            int end = Math.Min(child + 8, Count);
            if (child >= end)
            {
                break;
            }
            int best = child;
            for (int c = child + 1; c < end; c++)
            {
                if (_heap[c].Before(_heap[best]))
                {
                    best = c;
                }
            }
            if (!_heap[best].Before(candidate))
            {
                break;
            }
            _heap[i] = _heap[best];
            i = best;
        }
        _heap[i] = candidate;
    }
}
