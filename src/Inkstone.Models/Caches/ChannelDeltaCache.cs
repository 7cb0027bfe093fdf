using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>State of a layer of linear attention whose channels forget each at a rate of its own: see
/// <see cref="ChannelDeltaCache"/>.</summary>
/// <param name="Heads">H</param>
/// <param name="HeadDim">D of queries, keys and values</param>
/// <param name="Kernel">tokens that each of the three convolutions sees; at least 2</param>
public sealed record ChannelDeltaSpec(int Heads, int HeadDim, int Kernel) : ICacheSpec
{
    /// <summary>Columns of queries, of keys and of values.</summary>
    public int Width => Heads * HeadDim;

    /// <inheritdoc/>
    public long BytesPerSequence => sizeof(float) * ((long)Heads * HeadDim * HeadDim + 3L * (Kernel - 1) * Width);

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new ChannelDeltaCache(device, slots, this);
}

/// <summary>What such a layer keeps of each sequence: the state of each head, and the last inputs of the convolutions of queries, keys and
/// values.</summary>
public sealed class ChannelDeltaCache(Device device, int slots, ChannelDeltaSpec d) : IConvolutionCache
{
    private readonly Tensor[] _histories =
    [
        .. Enumerable.Range(0, 3).Select(_ => Tensor.Reserve(device, new Shape(slots, d.Kernel - 1, d.Width))),
    ];

    /// <summary>[slots, H, D, D].</summary>
    public Tensor State { get; } = Tensor.Reserve(device, new Shape(slots, d.Heads, d.HeadDim, d.HeadDim));

    /// <inheritdoc/>
    public Tensor HistoryOf(int part) => _histories[part];

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [State, .. _histories];

    /// <inheritdoc/>
    public void ClearSlot(int slot)
    {
        State.ClearPart(slot);
        Array.ForEach(_histories, history => history.ClearPart(slot));
    }

    /// <inheritdoc/>
    public void CopySlot(int from, int to)
    {
        State.CopyPart(from, to);
        Array.ForEach(_histories, history => history.CopyPart(from, to));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        State.Dispose();
        Array.ForEach(_histories, history => history.Dispose());
    }
}
