using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A layer's cache that keeps the last inputs of causal convolutions.</summary>
public interface IConvolutionCache : ILayerCache
{
    /// <summary>[slots, K − 1, channels]: of each sequence the last inputs of one of the layer's convolutions.</summary>
    Tensor HistoryOf(int part);
}

/// <summary>A layer that is a short convolution: K − 1 inputs of each sequence, whatever its length.</summary>
/// <param name="Channels">columns that are convolved</param>
/// <param name="Kernel">K, tokens that the convolution sees; at least 2</param>
public sealed record ConvolutionSpec(int Channels, int Kernel) : ICacheSpec
{
    /// <inheritdoc/>
    public long BytesPerSequence => sizeof(float) * (long)(Kernel - 1) * Channels;

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new ConvolutionCache(device, slots, this);
}

/// <summary>What a short convolution keeps of each sequence.</summary>
public sealed class ConvolutionCache(Device device, int slots, ConvolutionSpec c) : IConvolutionCache
{
    private readonly Tensor _history = Tensor.Reserve(device, new Shape(slots, c.Kernel - 1, c.Channels));

    /// <inheritdoc/>
    public Tensor HistoryOf(int part) => _history;

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [_history];

    /// <inheritdoc/>
    public void ClearSlot(int slot) => _history.ClearPart(slot);

    /// <inheritdoc/>
    public void CopySlot(int from, int to) => _history.CopyPart(from, to);

    /// <inheritdoc/>
    public void Dispose() => _history.Dispose();
}
