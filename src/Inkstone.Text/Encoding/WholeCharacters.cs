namespace Inkstone.Text;

/// <summary>
/// Characters of three bytes (Chinese, among others) whose bytes always join to one token before anything else can touch them, whatever
/// stands around; a word may begin from those tokens instead of from bytes, which leaves a fraction of the merges to do.
/// A character qualifies when its own merges come, by rank, before every merge that would take a piece of it together with a piece of
/// another character, and before every merge of its finished token. Beside ASCII it always begins from its bytes: some vocabularies join
/// a space to the first byte of a character early, and would rule out most characters everywhere.
/// </summary>
internal sealed class WholeCharacters
{
    private const int First = 0x800,
        Last = 0xFFFF;

    private readonly int[] _tokens = new int[Last + 1 - First],
        _alone = new int[Last + 1 - First];

    /// <param name="ranks">The merges as a table.</param>
    /// <param name="merges">The merges by rank.</param>
    /// <param name="byteIds">Id of each byte's own token, or -1.</param>
    /// <param name="edges">First and last byte of a token.</param>
    public WholeCharacters(
        PairRanks ranks,
        IReadOnlyList<(int Left, int Right, int Merged)> merges,
        int[] byteIds,
        Func<int, (byte First, byte Last)> edges
    )
    {
        int size = 1 + Math.Max(byteIds.Max(), merges.Count == 0 ? 0 : merges.Max(m => Math.Max(m.Merged, Math.Max(m.Left, m.Right))));
        int[] asRight = NoRanks(size),
            asLeft = NoRanks(size),
            ahead = NoRanks(size),
            behind = NoRanks(size);
        foreach ((int left, int right, _) in merges)
        {
            int rank = ranks.Rank(left, right);
            asRight[right] = Math.Min(asRight[right], rank);
            asLeft[left] = Math.Min(asLeft[left], rank);
            if (edges(right).First >= 0xC0)
            {
                ahead[left] = Math.Min(ahead[left], rank);
            }
            if (edges(left).Last >= 0x80)
            {
                behind[right] = Math.Min(behind[right], rank);
            }
        }
        for (int c = First; c <= Last; c++)
        {
            int a = byteIds[0xE0 | (c >> 12)],
                b = byteIds[0x80 | ((c >> 6) & 0x3F)],
                z = byteIds[0x80 | (c & 0x3F)];
            (_tokens[c - First], _alone[c - First]) = a < 0 || b < 0 || z < 0 ? (-1, -1) : Token(a, b, z);
        }

        (int Anywhere, int Alone) Token(int a, int b, int z)
        {
            int head = ranks.Rank(a, b),
                tail = ranks.Rank(b, z);
            if (head == tail && head == PairRanks.None)
            {
                return (-1, -1);
            }
            bool headFirst = head <= tail;
            int piece = ranks.Merged(headFirst ? head : tail),
                one = Math.Min(head, tail);
            int two = headFirst ? ranks.Rank(piece, z) : ranks.Rank(a, piece);
            if (two == PairRanks.None)
            {
                return (-1, -1);
            }
            int done = Math.Max(one, two),
                token = ranks.Merged(two);
            bool untouched = headFirst
                ? one < behind[a] && done < behind[piece] && done < ahead[z]
                : one < ahead[z] && done < ahead[piece] && done < behind[a];
            return (untouched && done < asRight[token] && done < asLeft[token] ? token : -1, token);
        }
    }

    /// <summary>The token of the three-byte character that begins at <paramref name="i"/>, or -1 when it must begin from its
    /// bytes.</summary>
    public int At(ReadOnlySpan<byte> s, int i) =>
        (i > 0 && s[i - 1] < 0x80) || (i + 3 < s.Length && s[i + 3] < 0x80) ? -1 : _tokens[Utf8Bytes.OfThree(s, i) - First];

    /// <summary>The token that a three-byte character becomes where nothing is merged with it, or -1 when it becomes several.</summary>
    public int Alone(int codePoint) => _alone[codePoint - First];

    private static int[] NoRanks(int size)
    {
        int[] ranks = new int[size];
        Array.Fill(ranks, PairRanks.None);
        return ranks;
    }
}
