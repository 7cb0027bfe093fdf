namespace Inkstone.Text;

/// <summary>The vocabulary while it grows: special tokens, byte alphabet, then one token for each merge, spelled in the byte
/// alphabet.</summary>
internal sealed class TrainedVocabulary
{
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly int[] _byteIds = new int[256];
    private readonly List<(int Left, int Right)> _merges = [];

    public TrainedVocabulary(IReadOnlyList<string> specialTokens, IEnumerable<byte> alphabet)
    {
        foreach (string token in specialTokens)
        {
            IdOf(token);
        }
        Array.Fill(_byteIds, -1);
        foreach (byte b in alphabet)
        {
            _byteIds[b] = IdOf(ByteAlphabet.ToChar(b).ToString());
        }
    }

    public int Count => _tokens.Count;

    public IReadOnlyList<string> Tokens => _tokens;

    public int ByteId(byte b) => _byteIds[b];

    /// <summary>
    /// In order of rank. A pair can be merged twice, when one of its sides is spelled in two ways and arises again later;
    /// then the last time counts.
    /// </summary>
    public IReadOnlyList<(int Left, int Right)> Merges()
    {
        HashSet<(int, int)> seen = new();
        List<(int, int)> merges = new();
        for (int i = _merges.Count - 1; i >= 0; i--)
        {
            if (seen.Add(_merges[i]))
            {
                merges.Add(_merges[i]);
            }
        }
        merges.Reverse();
        return merges;
    }

    /// <summary>Records a merge and returns the id of what it makes, which may exist already.</summary>
    public int Merge(int left, int right)
    {
        _merges.Add((left, right));
        return IdOf(_tokens[left] + _tokens[right]);
    }

    private int IdOf(string token)
    {
        if (!_ids.TryGetValue(token, out int id))
        {
            id = _tokens.Count;
            _tokens.Add(token);
            _ids.Add(token, id);
        }
        return id;
    }
}
