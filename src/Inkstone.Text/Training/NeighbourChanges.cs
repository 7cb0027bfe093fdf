namespace Inkstone.Text;

/// <summary>
/// What one merge changes on one side of the merged pair: for every neighbour how much weight went from the old pair to the new one,
/// and in which words. Neighbours index dense arrays, so that the pair table is touched once per neighbour and not once per occurrence.
/// </summary>
internal sealed class NeighbourChanges(int vocabularySize)
{
    private readonly long[] _weight = new long[vocabularySize];
    private readonly int[] _words = new int[vocabularySize];
    private readonly int[] _lastWord = new int[vocabularySize];
    private readonly int[] _next = new int[vocabularySize];
    private readonly List<int> _neighbours = [];
    private (int Neighbour, int Word)[] _events = new (int, int)[1024];
    private int _eventCount;

    public List<int> Neighbours => _neighbours;

    public ReadOnlySpan<(int Neighbour, int Word)> Events => _events.AsSpan(0, _eventCount);

    public long Weight(int neighbour) => _weight[neighbour];

    /// <summary>Words in which the new pair with this neighbour arose, each once.</summary>
    public int Words(int neighbour) => _words[neighbour];

    public void Add(int neighbour, long weight, int word)
    {
        AddWeight(neighbour, weight);
        AddWord(neighbour, word);
    }

    public void AddWeight(int neighbour, long weight)
    {
        Touch(neighbour);
        _weight[neighbour] += weight;
    }

    public void AddWord(int neighbour, int word)
    {
        if (_lastWord[neighbour] == word + 1)
        {
            return;
        }
        Touch(neighbour);
        _lastWord[neighbour] = word + 1;
        _words[neighbour]++;
        if (_eventCount == _events.Length)
        {
            Array.Resize(ref _events, _eventCount * 2);
        }
        _events[_eventCount++] = (neighbour, word);
    }

    /// <summary>Lays the words of every neighbour into <paramref name="arena"/>, one list after another from <paramref name="offset"/>; see <see cref="FirstWord"/>.</summary>
    public void Place(int[] arena, int offset)
    {
        foreach (int neighbour in _neighbours)
        {
            _next[neighbour] = offset;
            offset += _words[neighbour];
        }
        foreach ((int neighbour, int word) in Events)
        {
            arena[_next[neighbour]++] = word;
        }
    }

    /// <summary>Where <see cref="Place"/> has put the first word of a neighbour.</summary>
    public int FirstWord(int neighbour) => _next[neighbour] - _words[neighbour];

    public void Clear()
    {
        foreach (int neighbour in _neighbours)
        {
            (_weight[neighbour], _words[neighbour], _lastWord[neighbour]) = (0, 0, 0);
        }
        _neighbours.Clear();
        _eventCount = 0;
    }

    /// <summary>Adds what another worker has found in other words, and clears it.</summary>
    public void TakeOver(NeighbourChanges other)
    {
        foreach (int neighbour in other._neighbours)
        {
            AddWeight(neighbour, other._weight[neighbour]);
        }
        foreach ((int neighbour, int word) in other.Events)
        {
            AddWord(neighbour, word);
        }
        other.Clear();
    }

    private void Touch(int neighbour)
    {
        if (_weight[neighbour] == 0 && _words[neighbour] == 0)
        {
            _neighbours.Add(neighbour);
        }
    }
}
