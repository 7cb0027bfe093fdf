using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What a layer of linear attention keeps: the state of each head and the last inputs of its convolution. Its size does not grow with the text.</summary>
public sealed class DeltaCache(Device device, int valueHeads, int keyDim, int valueDim, int channels, int kernel) : ILayerCache
{
    private int _length;

    /// <summary>[1, Hv, D, Dv].</summary>
    public Tensor State { get; } = Tensor.Allocate(device, new Shape(1, valueHeads, keyDim, valueDim));

    /// <summary>[1, K − 1, channels].</summary>
    public Tensor History { get; } = Tensor.Allocate(device, new Shape(1, kernel - 1, channels));

    /// <summary>Bytes of a cache of these sizes.</summary>
    public static long BytesFor(int valueHeads, int keyDim, int valueDim, int channels, int kernel)
        => sizeof(float) * ((long)valueHeads * keyDim * valueDim + (long)(kernel - 1) * channels);

    /// <inheritdoc/>
    public long Bytes => sizeof(float) * (State.Count + History.Count);

    /// <summary>Counts tokens that went into state and history.</summary>
    public void Advance(int tokens) => _length += tokens;

    /// <inheritdoc/>
    public bool Truncate(int length)
    {
        if (length >= _length)
        {
            return true;
        }
        State.Span.Clear();
        History.Span.Clear();
        _length = 0;
        return length == 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        State.Dispose();
        History.Dispose();
    }
}
