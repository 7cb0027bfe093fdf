namespace Inkstone.Training;

/// <summary>A number for each token of several answers of different lengths, one answer behind the other. Kept and filled again: memory
/// only grows.</summary>
public sealed class TokenRuns
{
    private double[] _values = [];
    private int[] _ends = [];

    /// <summary>Number of answers.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens of all answers.</summary>
    public int TokenCount => Count == 0 ? 0 : _ends[Count - 1];

    /// <summary>The numbers of all answers.</summary>
    public Span<double> Values => _values.AsSpan(0, TokenCount);

    /// <summary>The numbers of one answer.</summary>
    public Span<double> this[int run] => _values.AsSpan(Start(run), Length(run));

    /// <summary>Where an answer begins among <see cref="Values"/>.</summary>
    public int Start(int run) => run == 0 ? 0 : _ends[run - 1];

    /// <summary>Tokens of an answer.</summary>
    public int Length(int run) => _ends[run] - Start(run);

    /// <summary>Lists as runs.</summary>
    public static TokenRuns FromLists(IEnumerable<IReadOnlyList<double>> lists)
    {
        TokenRuns runs = new();
        foreach (IReadOnlyList<double> list in lists)
        {
            Span<double> run = runs.Add(list.Count);
            for (int i = 0; i < run.Length; i++)
            {
                run[i] = list[i];
            }
        }
        return runs;
    }

    /// <summary>Forgets all answers.</summary>
    public void Clear() => Count = 0;

    /// <summary>One more answer of <paramref name="length"/> tokens, zeros at first; what was handed out before is to be asked for
    /// again.</summary>
    public Span<double> Add(int length)
    {
        int start = TokenCount;
        if (start + length > _values.Length)
        {
            Array.Resize(ref _values, Math.Max(2 * _values.Length, start + length));
        }
        if (Count == _ends.Length)
        {
            Array.Resize(ref _ends, Math.Max(16, 2 * Count));
        }
        _ends[Count++] = start + length;
        _values.AsSpan(start, length).Clear();
        return _values.AsSpan(start, length);
    }

    /// <summary>The same answers with the same numbers.</summary>
    public void CopyFrom(TokenRuns other)
    {
        ShapeAs(other);
        other.Values.CopyTo(Values);
    }

    /// <summary>As many answers of the same lengths, all zeros.</summary>
    public void ShapeAs(TokenRuns other)
    {
        Clear();
        for (int i = 0; i < other.Count; i++)
        {
            Add(other.Length(i));
        }
    }
}
