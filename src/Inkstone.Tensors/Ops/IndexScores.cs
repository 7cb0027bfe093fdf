namespace Inkstone.Tensors;

/// <summary>Which keys queries may choose: [First, First + Count) of the rows of a store, or where tables are given that many tokens of a
/// sequence in blocks of sixteen.</summary>
/// <param name="First">int32 [rows]: first key; with tables the sequence's number</param>
/// <param name="Count">int32 [rows]: how many</param>
/// <param name="Tables">int32 [N, M]: block of each sixteen tokens of a sequence; null: keys lie one behind the other</param>
/// <param name="BlockKeys">keys of a block</param>
public readonly record struct VisibleKeys(Tensor First, Tensor Count, Tensor? Tables = null, int BlockKeys = RaggedRows.BlockTokens)
{
    /// <summary>The most that any query sees.</summary>
    public int Longest
    {
        get
        {
            int longest = 0;
            foreach (int count in Count.Ints)
            {
                longest = Math.Max(longest, count);
            }
            return longest;
        }
    }

    /// <summary>The last <paramref name="most"/> of what each query sees: int32 [rows, the most that any of them sees], rows of keys in
    /// ascending order of their places; −1 behind the last.</summary>
    public Tensor Last(int most)
    {
        int longest = Math.Max(1, Math.Min(most, Longest));
        Tensor rows = First.Device.Rent(new Shape((int)First.Count, longest), DType.Int32);
        for (int row = 0; row < First.Count; row++)
        {
            int count = Count.Ints[row],
                taken = Math.Min(count, longest);
            Span<int> list = rows.Ints.Slice(row * longest, longest);
            for (int i = 0; i < taken; i++)
            {
                list[i] = Key(row, count - taken + i);
            }
            list[taken..].Fill(-1);
        }
        return rows;
    }

    /// <summary>Row of key number <paramref name="i"/> that a query sees.</summary>
    private int Key(int row, int i) =>
        Tables is null ? First.Ints[row] + i : Tables.Ints[First.Ints[row] * Tables.Shape.Last + i / BlockKeys] * BlockKeys + i % BlockKeys;

    /// <summary>Those of rows of a batch [B, T]: each token's own document up to itself.</summary>
    public static VisibleKeys Causal(Device device, int batch, int length, Tensor? documentStarts)
    {
        Tensor first = device.Rent(new Shape(batch * length), DType.Int32),
            count = device.Rent(new Shape(batch * length), DType.Int32);
        for (int i = 0; i < batch * length; i++)
        {
            int start = documentStarts is null ? 0 : documentStarts.Ints[i];
            (first.Ints[i], count.Ints[i]) = (i - i % length + start, i % length - start + 1);
        }
        return new VisibleKeys(first, count);
    }

    /// <summary>Those of new tokens of sequences: all tokens up to themselves.</summary>
    /// <param name="rows">the sequences</param>
    /// <param name="tables">int32 [N, M] where keys lie in blocks; null: those of each sequence one behind the other, the next sequence's
    /// behind</param>
    public static VisibleKeys Create(RaggedRows rows, Tensor? tables)
    {
        Device device = rows.Starts.Device;
        int total = rows.Starts.Ints[rows.Count],
            before = 0;
        Tensor first = device.Rent(new Shape(total), DType.Int32),
            count = device.Rent(new Shape(total), DType.Int32);
        for (int i = 0; i < rows.Count; i++)
        {
            int start = rows.Starts.Ints[i],
                end = rows.Starts.Ints[i + 1],
                past = rows.Past.Ints[i];
            for (int row = start; row < end; row++)
            {
                (first.Ints[row], count.Ints[row]) = (tables is null ? before : i, past + row - start + 1);
            }
            before += past + end - start;
        }
        return new VisibleKeys(first, count, tables);
    }
}

public static partial class Ops
{
    /// <summary>
    /// The keys that score best for each query by a light indexer (DeepSeek-V3.2, arXiv:2512.02556, section 2.1): score = Σ_j w_j / √n ·
    /// relu(q_j · k / √D). Of keys that score alike
    /// the earlier ones are taken; where no more are visible than may be chosen, all are. A key may stand for a block of tokens, and lies
    /// at the last of them: the best blocks are then chosen, and the tokens behind the
    /// last whole block always. Not recorded.
    /// </summary>
    /// <param name="q">[..., n·D]: index queries</param>
    /// <param name="weights">[..., n]: w</param>
    /// <param name="keys">[rows, ≥ from + D]</param>
    /// <param name="from">first column of a key</param>
    /// <param name="visible">what may be chosen</param>
    /// <param name="most">most keys that are chosen</param>
    /// <param name="block">tokens that a key stands for, counted from the first visible one</param>
    /// <returns>int32 [rows of q, most · block + block − 1 or fewer]: rows of tokens in ascending order of their places; −1 behind the
    /// last</returns>
    public static Tensor SelectKeys(Tensor q, Tensor weights, Tensor keys, int from, VisibleKeys visible, int most, int block = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        int heads = weights.Shape.Last,
            dim = heads > 0 ? q.Shape.Last / heads : 0;
        if (
            dim <= 0
            || dim * heads != q.Shape.Last
            || weights.Shape.Rows != q.Shape.Rows
            || from < 0
            || from + dim > keys.Shape.Last
            || most <= 0
        )
        {
            throw new ArgumentException(
                $"index queries {q.Shape} with weights {weights.Shape} do not fit keys {keys.Shape} from column {from}",
                nameof(q)
            );
        }
        Check.Count(visible.First, q.Shape.Rows);
        Check.Count(visible.Count, q.Shape.Rows);
        int longest = visible.Longest;
        most = Math.Min(most, longest / block);
        Tensor chosen = q.Device.Rent(new Shape(q.Shape.Rows, Math.Min(most * block + block - 1, longest)), DType.Int32);
        IndexScoreKernels.Select(q, weights, keys, from, dim, visible, longest, most, block, chosen);
        return chosen;
    }
}
