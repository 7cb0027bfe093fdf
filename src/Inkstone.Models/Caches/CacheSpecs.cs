using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Softmax attention of one layer: its sizes and rules, and from them the cache of keys and values that it needs.</summary>
/// <param name="Heads">H</param>
/// <param name="KeyValueHeads">Hkv, a divisor of H</param>
/// <param name="HeadDim">D of queries, keys and values</param>
/// <param name="Scale">on scores, usually 1 / √D</param>
/// <param name="Window">keys that a query sees, itself included; null: all</param>
public sealed record AttentionSpec(int Heads, int KeyValueHeads, int HeadDim, float Scale, int? Window = null) : ICacheSpec
{
    /// <summary>With the usual scale 1 / √D.</summary>
    public AttentionSpec(int heads, int keyValueHeads, int headDim)
        : this(heads, keyValueHeads, headDim, 1 / MathF.Sqrt(headDim)) { }

    /// <summary>Bound of scores (Gemma 2); 0: none.</summary>
    public float SoftCap { get; init; }

    /// <summary>Columns of queries, H·D.</summary>
    public int QueryWidth => Heads * HeadDim;

    /// <summary>Columns of keys and of values, Hkv·D.</summary>
    public int KeyWidth => KeyValueHeads * HeadDim;

    /// <inheritdoc/>
    public long BytesPerToken => sizeof(float) * 2L * KeyWidth;

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new KeyValueCache(device, blocks, KeyWidth, KeyWidth);
}

/// <summary>Cache of multi-head latent attention: see <see cref="LatentCache"/>.</summary>
/// <param name="Rank">R of the latent</param>
/// <param name="RotatedDim">Dr of the key that all heads share</param>
/// <param name="IndexDim">numbers of an indexer's key (DeepSeek-V3.2); 0: there is none</param>
internal sealed record LatentSpec(int Rank, int RotatedDim, int IndexDim = 0) : ICacheSpec
{
    /// <inheritdoc/>
    public long BytesPerToken => sizeof(float) * (long)(Rank + RotatedDim + IndexDim);

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new LatentCache(device, blocks, Rank, RotatedDim, IndexDim);
}

/// <summary>State of a layer of linear attention, whose size does not grow with the text: see <see cref="DeltaCache"/>.</summary>
/// <param name="KeyHeads">heads of queries and keys</param>
/// <param name="ValueHeads">heads of values, a multiple of them</param>
/// <param name="KeyDim">D of queries and keys</param>
/// <param name="ValueDim">Dv</param>
/// <param name="Kernel">tokens that the convolution sees</param>
public sealed record DeltaSpec(int KeyHeads, int ValueHeads, int KeyDim, int ValueDim, int Kernel) : ICacheSpec
{
    /// <summary>Columns of queries and of keys.</summary>
    public int KeyWidth => KeyHeads * KeyDim;

    /// <summary>Columns of values.</summary>
    public int ValueWidth => ValueHeads * ValueDim;

    /// <summary>Columns that the convolution mixes: queries, keys and values.</summary>
    public int Channels => 2 * KeyWidth + ValueWidth;

    /// <inheritdoc/>
    public long BytesPerSequence => sizeof(float) * ((long)ValueHeads * KeyDim * ValueDim + (long)(Kernel - 1) * Channels);

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new DeltaCache(device, slots, this);
}
