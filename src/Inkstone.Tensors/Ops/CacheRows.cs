namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Writes the keys of new tokens into the blocks of a cache, sixteen tokens side by side: store[block, column, token % 16].
    /// Not recorded.</summary>
    /// <param name="keys">[1, ΣT, W]</param>
    /// <param name="store">[blocks, W, 16]</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="tables">int32 [N, M]: block of each sixteen tokens of a sequence</param>
    public static void StoreKeys(Tensor keys, Tensor store, RaggedRows rows, Tensor tables)
    {
        if (store.Shape.Rank != 3 || store.Shape[1] != keys.Shape.Last || store.Shape[2] != RaggedRows.BlockTokens)
        {
            throw new ArgumentException(
                $"keys {keys.Shape} are stored as [blocks, {keys.Shape.Last}, {RaggedRows.BlockTokens}], not {store.Shape}",
                nameof(store)
            );
        }
        CheckStored(keys, rows, tables, store.Shape[0]);
        CacheRowKernels.StoreKeys(keys, store, rows, tables);
    }

    /// <summary>Writes rows of new tokens into the blocks of a cache, as they are: store[16 · block + token % 16, from..]. Not
    /// recorded.</summary>
    /// <param name="values">[1, ΣT, W]</param>
    /// <param name="store">[16 · blocks, ≥ from + W]</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="tables">int32 [N, M]</param>
    /// <param name="from">first column of the store that is written</param>
    /// <param name="every">writes only the last token of every so many of a sequence</param>
    public static void StoreRows(Tensor values, Tensor store, RaggedRows rows, Tensor tables, int from = 0, int every = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(every, 1);
        if (store.Shape.Rank != 2 || from < 0 || store.Shape[1] < from + values.Shape.Last || store.Shape[0] % RaggedRows.BlockTokens != 0)
        {
            throw new ArgumentException($"rows {values.Shape} from column {from} do not fit a store {store.Shape}", nameof(store));
        }
        CheckStored(values, rows, tables, store.Shape[0] / RaggedRows.BlockTokens);
        CacheRowKernels.StoreRows(values, store, rows, tables, from, every);
    }

    /// <summary>All tokens that caches hold of each sequence, the new ones included, one behind the other: columns [from, from + count) of
    /// a store. Not recorded.</summary>
    /// <param name="store">[16 · blocks, W]</param>
    /// <param name="rows">the sequences</param>
    /// <param name="tables">int32 [N, M]</param>
    /// <param name="from">first column</param>
    /// <param name="count">number of columns</param>
    /// <returns>[1, Σ(past + new), count]</returns>
    public static Tensor LoadRows(Tensor store, RaggedRows rows, Tensor tables, int from, int count)
    {
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
        rows.CheckBlocks(tables, store.Shape[0] / RaggedRows.BlockTokens, int.MaxValue);
        return CacheRowKernels.LoadRows(store, rows, tables, from, count);
    }

    private static void CheckStored(Tensor x, RaggedRows rows, Tensor tables, int blocks)
    {
        if (x.Device.Tape.Wants(x, x))
        {
            throw new ArgumentException("what goes into a cache has no backward pass", nameof(x));
        }
        rows.Check(x.Shape.Rows);
        rows.CheckBlocks(tables, blocks, 1);
    }
}
