using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>State of a layer of linear attention before which n-grams are looked up: see <see cref="NgramDeltaCache"/>.</summary>
/// <param name="Delta">the linear attention's</param>
/// <param name="Tokens">ids that are kept, one less than an n-gram has</param>
/// <param name="Inputs">inputs that the n-grams' convolution keeps</param>
/// <param name="Channels">numbers of such an input</param>
public sealed record NgramDeltaSpec(DeltaSpec Delta, int Tokens, int Inputs, int Channels) : ICacheSpec
{
    /// <inheritdoc/>
    public long BytesPerSequence => Delta.BytesPerSequence + sizeof(int) * (long)Tokens + sizeof(float) * (long)Inputs * Channels;

    /// <inheritdoc/>
    public ILayerCache NewCache(Device device, int blocks, int slots) => new NgramDeltaCache(device, slots, this);
}

/// <summary>What such a layer keeps of each sequence: the delta net's state, the last tokens, and the last inputs of the convolution of
/// what their n-grams gave.</summary>
public sealed class NgramDeltaCache(Device device, int slots, NgramDeltaSpec spec) : IConvolutionCache, IDeltaState
{
    private readonly DeltaCache _delta = new(device, slots, spec.Delta);
    private readonly Tensor _inputs = Tensor.Reserve(device, new Shape(slots, spec.Inputs, spec.Channels));

    /// <summary>int32 [slots, n − 1]: id + 1 of each of the last tokens, the latest last; 0 where there was none.</summary>
    public Tensor Tokens { get; } = Tensor.Reserve(device, new Shape(slots, spec.Tokens), DType.Int32);

    /// <inheritdoc/>
    public Tensor State => _delta.State;

    /// <inheritdoc/>
    public Tensor HistoryOf(int part) => part == 0 ? _delta.History : _inputs;

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> Parts => [.. _delta.Parts, _inputs, Tokens];

    /// <inheritdoc/>
    public void ClearSlot(int slot)
    {
        _delta.ClearSlot(slot);
        _inputs.ClearPart(slot);
        Tokens.ClearPart(slot);
    }

    /// <inheritdoc/>
    public void CopySlot(int from, int to)
    {
        _delta.CopySlot(from, to);
        _inputs.CopyPart(from, to);
        Tokens.CopyPart(from, to);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _delta.Dispose();
        _inputs.Dispose();
        Tokens.Dispose();
    }
}
