using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Keys and values of one layer, in blocks.</summary>
public sealed class KeyValueCache(Device device, int blocks, int keyWidth, int valueWidth) : ILayerCache
{
    /// <summary>[blocks, Hkv·D, 16]: sixteen keys side by side.</summary>
    public Tensor Keys { get; } = Tensor.Reserve(device, new Shape(blocks, keyWidth, RaggedRows.BlockTokens));

    /// <summary>[16 · blocks, Hkv·Dv].</summary>
    public Tensor Values { get; } = Tensor.Reserve(device, new Shape(checked(blocks * RaggedRows.BlockTokens), valueWidth));

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [Keys, Values];

    /// <inheritdoc/>
    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }
}
