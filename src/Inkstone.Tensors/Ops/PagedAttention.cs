namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Attention of the new tokens of several sequences to all that a paged cache holds of each, themselves included (arXiv:2309.06180).
    /// The new tokens' keys and
    /// values must have been stored. Only for inference, not recorded.
    /// </summary>
    /// <remarks>
    /// The same formulas as <see cref="Attention"/>, in float32, and in an order that depends on a query's position and its keys alone:
    /// neither what else is in the
    /// batch nor how a prompt was cut into parts changes a bit of a token's result.
    /// </remarks>
    /// <param name="q">[1, ΣT, H·D]</param>
    /// <param name="keys">[blocks, Hkv·D, 16], see <see cref="StoreKeys"/></param>
    /// <param name="values">[16 · blocks, Hkv·Dv], see <see cref="StoreRows"/></param>
    /// <param name="rows">the sequences of the batch</param>
    /// <param name="tables">int32 [N, M]: block of each sixteen tokens of a sequence</param>
    /// <param name="heads">H</param>
    /// <param name="keyValueHeads">Hkv, a divisor of H</param>
    /// <param name="scale">usually 1 / √D</param>
    /// <param name="window">how many keys a query sees at most, itself included; null: all</param>
    /// <param name="softCap">bound of scores; 0: none</param>
    /// <param name="sinks">[H]; null: none</param>
    /// <returns>[1, ΣT, H·Dv]</returns>
    public static Tensor PagedAttention(
        Tensor q,
        Tensor keys,
        Tensor values,
        RaggedRows rows,
        Tensor tables,
        int heads,
        int keyValueHeads,
        float scale,
        int? window = null,
        float softCap = 0,
        Tensor? sinks = null
    )
    {
        int headDim = heads > 0 ? q.Shape.Last / heads : 0,
            valueDim = keyValueHeads > 0 ? values.Shape.Last / keyValueHeads : 0;
        if (
            headDim <= 0
            || keyValueHeads <= 0
            || heads % keyValueHeads != 0
            || headDim * heads != q.Shape.Last
            || keys.Shape.Rank != 3
            || keys.Shape[1] != keyValueHeads * headDim
            || keys.Shape[2] != RaggedRows.BlockTokens
            || values.Shape.Rank != 2
            || values.Shape[0] != keys.Shape[0] * RaggedRows.BlockTokens
            || valueDim * keyValueHeads != values.Shape.Last
        )
        {
            throw new ArgumentException(
                $"attention with {heads} heads on {keyValueHeads} does not fit q {q.Shape}, keys {keys.Shape}, values {values.Shape}",
                nameof(heads)
            );
        }
        PagedSizes sizes = new(heads, keyValueHeads, headDim, valueDim, scale, window ?? int.MaxValue, softCap);
        Tensor o = CheckPaged(q, rows, tables, keys.Shape[0], sizes, sinks);
        PagedAttentionKernels.Forward(sizes, q, keys, values, rows, tables, sinks, o);
        return o;
    }

    /// <summary>
    /// The same with one key-value head whose keys are the rows of a cache of latents and whose values are the first of their numbers
    /// (arXiv:2405.04434, section 2.1.2).
    /// </summary>
    /// <param name="q">[1, ΣT, H·D], moved into the latent space: see <see cref="AbsorbKeys"/></param>
    /// <param name="latents">[16 · blocks, D]</param>
    /// <param name="valueDim">Dv ≤ D</param>
    /// <param name="rows">the sequences of the batch</param>
    /// <param name="tables">int32 [N, M]</param>
    /// <param name="heads">H</param>
    /// <param name="scale">usually 1 / √(dimension of a head before it was moved)</param>
    /// <returns>[1, ΣT, H·Dv]</returns>
    public static Tensor PagedLatentAttention(
        Tensor q,
        Tensor latents,
        int valueDim,
        RaggedRows rows,
        Tensor tables,
        int heads,
        float scale
    )
    {
        int headDim = heads > 0 ? q.Shape.Last / heads : 0;
        if (
            headDim <= 0
            || headDim * heads != q.Shape.Last
            || latents.Shape.Rank != 2
            || latents.Shape[1] != headDim
            || latents.Shape[0] % RaggedRows.BlockTokens != 0
            || valueDim <= 0
            || valueDim > headDim
        )
        {
            throw new ArgumentException(
                $"attention with {heads} heads does not fit q {q.Shape}, latents {latents.Shape}, {valueDim} values",
                nameof(heads)
            );
        }
        PagedSizes sizes = new(heads, 1, headDim, valueDim, scale, int.MaxValue, 0);
        Tensor o = CheckPaged(q, rows, tables, latents.Shape[0] / RaggedRows.BlockTokens, sizes, null);
        PagedAttentionKernels.Forward(sizes, q, null, latents, rows, tables, null, o);
        return o;
    }

    private static Tensor CheckPaged(Tensor q, RaggedRows rows, Tensor tables, int blocks, PagedSizes sizes, Tensor? sinks)
    {
        if (q.Device.Tape.Wants(q, q))
        {
            throw new ArgumentException("attention on a cache has no backward pass", nameof(q));
        }
        if (sinks is not null)
        {
            Check.Count(sinks, sizes.Heads);
        }
        ArgumentOutOfRangeException.ThrowIfLessThan(sizes.Window, 1, "window");
        rows.Check(q.Shape.Rows);
        rows.CheckBlocks(tables, blocks, sizes.Window);
        return q.Device.Rent(new Shape(1, q.Shape.Rows, sizes.Heads * sizes.ValueDim));
    }
}

/// <summary>Sizes and rules of one call. Group: query heads that share a key-value head.</summary>
internal readonly record struct PagedSizes(int Heads, int KeyValueHeads, int HeadDim, int ValueDim, float Scale, int Window, float SoftCap)
{
    public int Group => Heads / KeyValueHeads;

    /// <summary>First key that a query sees.</summary>
    public int FirstKey(int position) => (int)Math.Max(0, position - (long)Window + 1);
}
