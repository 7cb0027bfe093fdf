using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A layer's cache that keeps the state of the gated delta rule.</summary>
public interface IDeltaState : ILayerCache
{
    /// <summary>[slots, Hv, D, Dv]: the state of each head of each sequence.</summary>
    Tensor State { get; }
}

/// <summary>What a layer of linear attention keeps of each sequence: the state of each head and the last inputs of its
/// convolution.</summary>
public sealed class DeltaCache(Device device, int slots, DeltaSpec d) : IConvolutionCache, IDeltaState
{
    /// <inheritdoc/>
    public Tensor State { get; } = Tensor.Reserve(device, new Shape(slots, d.ValueHeads, d.KeyDim, d.ValueDim));

    /// <summary>[slots, K − 1, channels].</summary>
    public Tensor History { get; } = Tensor.Reserve(device, new Shape(slots, d.Kernel - 1, d.Channels));

    /// <inheritdoc/>
    public Tensor HistoryOf(int part) => History;

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [State, History];

    /// <inheritdoc/>
    public void ClearSlot(int slot)
    {
        State.ClearPart(slot);
        History.ClearPart(slot);
    }

    /// <inheritdoc/>
    public void CopySlot(int from, int to)
    {
        State.CopyPart(from, to);
        History.CopyPart(from, to);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        State.Dispose();
        History.Dispose();
    }
}
