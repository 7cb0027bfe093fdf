namespace Inkstone.Data;

/// <summary>One source while it is mixed: what was counted of it, what is to be taken, what was.</summary>
/// <param name="category">its category</param>
/// <param name="source">the source</param>
/// <param name="number">tells it from the others in random keys</param>
/// <param name="files">its files in order</param>
internal sealed class MixPile(MixCategory category, MixSource source, int number, IReadOnlyList<string> files)
{
    private readonly Dictionary<MixOutputs, long> _bytes = [],
        _lines = [];
    private readonly SortedDictionary<string, long> _skipped = new(StringComparer.Ordinal);
    private bool _isCounted;

    public MixCategory Category => category;

    public MixSource Source => source;

    public int Number => number;

    public IReadOnlyList<string> Files => files;

    /// <summary>Records that can be taken.</summary>
    public long Usable { get; private set; }

    /// <summary>Records to take.</summary>
    public long Quota { get; set; }

    /// <summary>Usable records met while taking.</summary>
    public long Seen { get; set; }

    public long Taken { get; set; }

    /// <summary>Records taken once more than the others.</summary>
    public long Chosen { get; set; }

    public long Written { get; set; }

    public long Characters { get; set; }

    public long Tokens { get; set; }

    /// <summary>To be called before its files are read, each time.</summary>
    public void Begin() => _isCounted = Usable > 0 || _skipped.Count > 0;

    public void Count(MixLines lines)
    {
        Usable++;
        foreach ((MixOutputs to, byte[] line) in lines.Lines)
        {
            _bytes[to] = BytesOf(to) + line.Length;
        }
    }

    public void Skip(string reason)
    {
        if (!_isCounted)
        {
            _skipped[reason] = _skipped.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>Bytes that its usable records make in one file.</summary>
    public long BytesOf(MixOutputs to) => _bytes.GetValueOrDefault(to);

    public long LinesOf(MixOutputs to) => _lines.GetValueOrDefault(to);

    public void AddLines(MixOutputs to, long count) => _lines[to] = LinesOf(to) + count;

    public MixUsage Usage(bool withTokens) =>
        new(
            category.Name,
            source.Name,
            Usable + _skipped.Values.Sum(),
            Usable,
            new Dictionary<string, long>(_skipped),
            Written,
            Characters,
            withTokens ? Tokens : null
        );
}
