using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>One vector of each token of a window, which is key and value of every head (DeepSeek-V4): see
/// <see cref="SharedKeyCache"/>.</summary>
/// <param name="Dim">D</param>
/// <param name="Tokens">of the window</param>
public sealed record SharedKeySpec(int Dim, int Tokens) : ICacheSpec
{
    /// <inheritdoc/>
    public long BytesPerToken => sizeof(float) * (long)Dim;

    /// <inheritdoc/>
    public int? Window => Tokens;

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new SharedKeyCache(device, blocks, Dim);
}

/// <summary>Keys of a window, in blocks.</summary>
public sealed class SharedKeyCache(Device device, int blocks, int dim) : ILayerCache
{
    /// <summary>[16 · blocks, D].</summary>
    public Tensor Keys { get; } = Tensor.Reserve(device, new Shape(checked(blocks * RaggedRows.BlockTokens), dim));

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [Keys];

    /// <inheritdoc/>
    public void Dispose() => Keys.Dispose();
}

/// <summary>Entries of groups of tokens, and what is needed of the tokens of the groups that are not complete or overlap the next one: see
/// <see cref="EntryCache"/>.</summary>
/// <param name="Rate">tokens of a group</param>
/// <param name="Widths">numbers of an entry of each of the layer's compressors</param>
/// <param name="Halves">2 where an entry mixes the group before too, with channels of its own; else 1</param>
public sealed record EntrySpec(int Rate, IReadOnlyList<int> Widths, int Halves) : ICacheSpec
{
    /// <summary>Entries of a block.</summary>
    public int BlockEntries => ((ICacheSpec)this).BlockTokens / Rate;

    /// <inheritdoc/>
    public int TokensPerRow => Rate;

    /// <inheritdoc/>
    public long BytesPerToken => (BytesPerBlock + ((ICacheSpec)this).BlockTokens - 1) / ((ICacheSpec)this).BlockTokens;

    /// <inheritdoc/>
    public long BytesPerBlock => sizeof(float) * (long)BlockEntries * Widths.Sum();

    /// <inheritdoc/>
    public long BytesPerSequence => sizeof(float) * 2L * Halves * Halves * Rate * Widths.Sum();

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new EntryCache(device, blocks, slots, this);
}

/// <summary>Entries in blocks, those of all compressors of a layer side by side, and a ring of the last tokens' values and gates for each
/// compressor.</summary>
public sealed class EntryCache(Device device, int blocks, int slots, EntrySpec spec) : ILayerCache
{
    private readonly Tensor[] _rings =
    [
        .. spec.Widths.Select(width => Tensor.Reserve(device, new Shape(slots, spec.Rate * spec.Halves, 2 * spec.Halves * width))),
    ];

    /// <summary>[blocks · entries of a block, Σ widths].</summary>
    public Tensor Entries { get; } = Tensor.Reserve(device, new Shape(checked(blocks * spec.BlockEntries), spec.Widths.Sum()));

    /// <summary>The ring of a compressor: see <see cref="Ops.CompressGroups"/>.</summary>
    public Tensor RingOf(int compressor) => _rings[compressor];

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [Entries, .. _rings];

    /// <inheritdoc/>
    public void CopySlot(int from, int to) => Array.ForEach(_rings, ring => ring.CopyPart(from, to));

    /// <inheritdoc/>
    public void Dispose()
    {
        Entries.Dispose();
        Array.ForEach(_rings, ring => ring.Dispose());
    }
}
