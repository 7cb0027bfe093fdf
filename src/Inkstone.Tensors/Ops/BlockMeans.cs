namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Means of whole blocks of tokens, each at the last token of its block; zeros elsewhere. Blocks are counted from a document's
    /// first token.</summary>
    /// <remarks><code>
    /// forward   y_t = Σ_(j &lt; r) x_(t−j) / r where t is the last token of a block, else 0
    /// backward  dx_t = dy_e / r, e the last token of the block of t, where the document reaches it
    /// </code></remarks>
    /// <param name="x">[B, T, C]</param>
    /// <param name="block">r</param>
    /// <param name="documentStarts">int32 [B, T]; null when rows are one document</param>
    public static Tensor BlockMeans(Tensor x, int block, Tensor? documentStarts = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        if (x.Shape.Rank != 3)
        {
            throw new ArgumentException($"blocks are made of tokens [B, T, C], not of {x.Shape}", nameof(x));
        }
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, x.Shape.Rows);
        }
        Tensor y = x.Device.Rent(x.Shape);
        BlockMeansKernels.Forward(x, block, documentStarts, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<BlockMeansNode>(y).Set(x, block, documentStarts);
        }
        return y;
    }

    /// <summary>The same for new tokens of sequences, all of whose tokens lie in the blocks of a cache. Not recorded.</summary>
    /// <param name="store">[16 · blocks, ≥ from + count]: rows of tokens, the new ones included</param>
    /// <param name="from">first column</param>
    /// <param name="count">C</param>
    /// <param name="block">r</param>
    /// <param name="rows">the sequences</param>
    /// <param name="tables">int32 [N, M]: block of the cache of each sixteen tokens of a sequence</param>
    /// <returns>[1, ΣT, C]</returns>
    public static Tensor BlockMeans(Tensor store, int from, int count, int block, RaggedRows rows, Tensor tables)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(block, 1);
        if (
            store.Shape.Rank != 2
            || from < 0
            || count <= 0
            || from + count > store.Shape[1]
            || store.Shape[0] % RaggedRows.BlockTokens != 0
        )
        {
            throw new ArgumentException($"a store {store.Shape} has no columns {from} to {from + count - 1} of blocks", nameof(store));
        }
        int tokens = rows.Starts.Ints[rows.Count];
        rows.Check(tokens);
        rows.CheckBlocks(tables, store.Shape[0] / RaggedRows.BlockTokens, block);
        Tensor y = store.Device.Rent(new Shape(1, tokens, count));
        BlockMeansKernels.Cached(store, from, block, rows, tables, y);
        return y;
    }

    private sealed class BlockMeansNode : Node
    {
        private Tensor _x = null!;
        private Tensor? _documentStarts;
        private int _block;

        public void Set(Tensor x, int block, Tensor? documentStarts) => (_x, _block, _documentStarts) = (x, block, documentStarts);

        internal override void Backward() => BlockMeansKernels.Backward(OutputGrad, _x, _block, _documentStarts);

        internal override void Release() => (_x, _documentStarts) = (null!, null);
    }
}
