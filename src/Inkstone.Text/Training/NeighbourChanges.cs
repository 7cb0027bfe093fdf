namespace Inkstone.Text;

/// <summary>
/// What one merge changes on one side of the merged pair: for every neighbour how much weight went from the old pair to the new one,
/// and in which words. Neighbours index a dense array, so that the pair table is touched once per neighbour and not once per occurrence.
/// </summary>
internal sealed class NeighbourChanges(int vocabularySize)
{
    private readonly Change[] _changes = new Change[vocabularySize];
    private readonly List<int> _neighbours = [];
    private (int Neighbour, int Word)[] _events = new (int, int)[1024];

    /// <summary>Neighbours that were seen, in the order in which they were first seen.</summary>
    public List<int> Neighbours => _neighbours;

    /// <summary>How many entries all word lists have together.</summary>
    public int EventCount { get; private set; }

    public long Weight(int neighbour) => _changes[neighbour].Weight;

    /// <summary>Words in which the new pair with this neighbour arose, each once.</summary>
    public int Words(int neighbour) => _changes[neighbour].Words;

    /// <summary>Books weight that moves from the old pair to the new one.</summary>
    public void AddWeight(int neighbour, long weight)
    {
        ref Change change = ref Seen(neighbour);
        change.Weight += weight;
    }

    /// <summary>Notes a word in which the new pair arose.</summary>
    public void AddWord(int neighbour, int word)
    {
        ref Change change = ref Seen(neighbour);
        if (change.LastWord == word + 1)
        {
            return;
        }
        change.LastWord = word + 1;
        change.Words++;
        if (EventCount == _events.Length)
        {
            Array.Resize(ref _events, EventCount * 2);
        }
        _events[EventCount++] = (neighbour, word);
    }

    /// <summary>Adds what another worker has found in other words, and clears it.</summary>
    public void TakeOver(NeighbourChanges other)
    {
        foreach (int neighbour in other._neighbours)
        {
            AddWeight(neighbour, other.Weight(neighbour));
        }
        foreach ((int neighbour, int word) in other._events.AsSpan(0, other.EventCount))
        {
            AddWord(neighbour, word);
        }
        other.Clear();
    }

    /// <summary>Lays the words of every neighbour into <paramref name="arena"/>, one list after another from <paramref name="offset"/>; see
    /// <see cref="FirstWord"/>.</summary>
    public void Place(int[] arena, int offset)
    {
        foreach (int neighbour in _neighbours)
        {
            _changes[neighbour].Next = offset;
            offset += _changes[neighbour].Words;
        }
        foreach ((int neighbour, int word) in _events.AsSpan(0, EventCount))
        {
            arena[_changes[neighbour].Next++] = word;
        }
    }

    /// <summary>Where <see cref="Place"/> has put the first word of a neighbour.</summary>
    public int FirstWord(int neighbour) => _changes[neighbour].Next - _changes[neighbour].Words;

    public void Clear()
    {
        foreach (int neighbour in _neighbours)
        {
            _changes[neighbour] = default;
        }
        _neighbours.Clear();
        EventCount = 0;
    }

    private ref Change Seen(int neighbour)
    {
        ref Change change = ref _changes[neighbour];
        if (!change.Seen)
        {
            change.Seen = true;
            _neighbours.Add(neighbour);
        }
        return ref change;
    }

    private struct Change
    {
        public long Weight;
        public int Words,
            LastWord,
            Next;
        public bool Seen;
    }
}
