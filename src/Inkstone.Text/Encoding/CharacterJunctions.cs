namespace Inkstone.Text;

/// <summary>
/// Between which characters of three bytes (Chinese, among others) a merge could reach from one to the next. Where none can, a word
/// may be cut and its parts merged alone: a merge across the place would make a token that holds both of its sides, and no token does.
/// Parts are short and come back often, where the clauses of Chinese text that patterns call words hardly ever do.
/// May say yes where the answer is no (pairs lie in a Bloom filter of one hash), never the other way round.
/// </summary>
internal sealed class CharacterJunctions
{
    private const int FilterBits = 20,
        Groups = 16;

    private readonly ulong[] _pairs = new ulong[1 << (FilterBits - 6)];

    /// <summary>
    /// Tokens that begin or end within a character speak of all characters that end or begin so. Each such token belongs to one of 16
    /// groups, and each character has the groups in which it stands on the left in its upper half, on the right in the lower.
    /// </summary>
    private readonly uint[] _fragments = new uint[0x10000];

    /// <param name="merged">What merges make, in bytes.</param>
    public CharacterJunctions(IEnumerable<byte[]> merged)
    {
        HashSet<(int Left, int Right)> fragments = [];
        foreach (byte[] token in merged)
        {
            for (int i = 1; i < token.Length; i++)
            {
                if (IsLead(token[i]) && Left(token, i) is { } left && Right(token, i) is { } right)
                {
                    if (left.Whole && right.Whole)
                    {
                        int bit = Bit(left.Value, right.Value);
                        _pairs[bit >> 6] |= 1UL << bit;
                    }
                    else if (fragments.Add((left.Value | (left.Whole ? 1 << 16 : 0), right.Value | (right.Whole ? 1 << 16 : 0))))
                    {
                        uint group = 1u << (left.Value * 31 % Groups);
                        Mark(left.Least, left.Step, left.Count, group << Groups);
                        Mark(right.Least, right.Step, right.Count, group);
                    }
                }
            }
        }
    }

    /// <summary>Whether a merge could take something of both characters; false is certain.</summary>
    public bool MayJoin(int left, int right)
    {
        int bit = Bit(left, right);
        return (_pairs[bit >> 6] & (1UL << bit)) != 0 || ((_fragments[left] >> Groups) & _fragments[right]) != 0;
    }

    private static int Bit(int left, int right) => (int)((uint)((left << 16 | right) * -1640531527) >> (32 - FilterBits));

    private void Mark(int least, int step, int count, uint groups)
    {
        for (int i = 0; i < count; i++)
        {
            _fragments[least + (i * step)] |= groups;
        }
    }

    private static bool IsLead(byte b) => (b & 0xF0) == 0xE0;

    private static bool IsContinuation(byte b) => (b & 0xC0) == 0x80;

    /// <summary>The character of three bytes, or the rest of one, that ends before <paramref name="end"/>; null when something else
    /// does.</summary>
    private static Side? Left(byte[] token, int end)
    {
        if (!IsContinuation(token[end - 1]))
        {
            return null;
        }
        int last = token[end - 1] & 0x3F;
        if (end == 1)
        {
            return new(last, Whole: false, last, Step: 64, Count: 1024);
        }
        if (!IsContinuation(token[end - 2]))
        {
            return null;
        }
        int two = ((token[end - 2] & 0x3F) << 6) | last;
        return end == 2 ? new(two, Whole: false, two, Step: 4096, Count: 16)
            : IsLead(token[end - 3]) ? new(((token[end - 3] & 15) << 12) | two, Whole: true, ((token[end - 3] & 15) << 12) | two, 1, 1)
            : null;
    }

    /// <summary>The character, or the beginning of one, whose first byte is at <paramref name="i"/>.</summary>
    private static Side? Right(byte[] token, int i)
    {
        int first = (token[i] & 15) << 12;
        if (i + 1 == token.Length)
        {
            return new(first, Whole: false, first, Step: 1, Count: 4096);
        }
        int two = first | ((token[i + 1] & 0x3F) << 6);
        return !IsContinuation(token[i + 1]) ? null
            : i + 2 == token.Length ? new(two, Whole: false, two, Step: 1, Count: 64)
            : IsContinuation(token[i + 2]) ? new(two | (token[i + 2] & 0x3F), Whole: true, two | (token[i + 2] & 0x3F), 1, 1)
            : null;
    }

    /// <summary>What a token has of the character beside a junction.</summary>
    /// <param name="Value">The character's code point, or what is known of it.</param>
    /// <param name="Whole">Whether all of it is known.</param>
    /// <param name="Least">Least of the characters that it can be, which lie <paramref name="Step"/> apart.</param>
    /// <param name="Step">Distance of those characters.</param>
    /// <param name="Count">Number of them.</param>
    private readonly record struct Side(int Value, bool Whole, int Least, int Step, int Count);
}
