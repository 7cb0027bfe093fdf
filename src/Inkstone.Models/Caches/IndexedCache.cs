using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Attention to chosen tokens of one layer, and an indexer's key of each token: see <see cref="IndexedCache"/>.</summary>
/// <param name="Attention">sizes of keys and values</param>
/// <param name="IndexDim">numbers of an index key</param>
public sealed record IndexedAttentionSpec(AttentionSpec Attention, int IndexDim) : ICacheSpec
{
    /// <inheritdoc/>
    public long BytesPerToken => Attention.BytesPerToken + sizeof(float) * (long)IndexDim;

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new IndexedCache(device, blocks, Attention.KeyWidth, IndexDim);
}

/// <summary>Keys, values and index keys of one layer in blocks, row by row, so that attention reads those that were chosen where they
/// lie.</summary>
public sealed class IndexedCache(Device device, int blocks, int width, int indexDim) : ILayerCache
{
    /// <summary>[16 · blocks, Hkv·D].</summary>
    public Tensor Keys { get; } = Rows(device, blocks, width);

    /// <summary>[16 · blocks, Hkv·D].</summary>
    public Tensor Values { get; } = Rows(device, blocks, width);

    /// <summary>[16 · blocks, Di].</summary>
    public Tensor IndexKeys { get; } = Rows(device, blocks, indexDim);

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [Keys, Values, IndexKeys];

    /// <inheritdoc/>
    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
        IndexKeys.Dispose();
    }

    private static Tensor Rows(Device device, int blocks, int width) =>
        Tensor.Reserve(device, new Shape(checked(blocks * RaggedRows.BlockTokens), width));
}
