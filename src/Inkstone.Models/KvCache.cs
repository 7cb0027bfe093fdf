using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Keys and values of one sequence, layer by layer, so that each token is computed once.</summary>
public sealed class KvCache : IDisposable
{
    private readonly Tensor[] _keys, _values;   // [capacity, Hkv·D] each

    /// <summary>An empty cache for up to <paramref name="capacity"/> tokens.</summary>
    public KvCache(Device device, int layers, int capacity, int keyWidth, int valueWidth)
    {
        (Device, Capacity) = (device, capacity);
        _keys = new Tensor[layers];
        _values = new Tensor[layers];
        for (int i = 0; i < layers; i++)
        {
            _keys[i] = Tensor.Allocate(device, new Shape(capacity, keyWidth));
            _values[i] = Tensor.Allocate(device, new Shape(capacity, valueWidth));
        }
    }

    /// <summary>Where it lives.</summary>
    public Device Device { get; }

    /// <summary>Most tokens that fit.</summary>
    public int Capacity { get; }

    /// <summary>Tokens in all layers.</summary>
    public int Length { get; private set; }

    /// <summary>Puts the keys and values of new tokens behind the old ones and returns all: [1, T, Hkv·D] → [1, S, Hkv·D].</summary>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
        => (Append(_keys[layer], keys), Append(_values[layer], values));

    /// <summary>Counts tokens that every layer has appended.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    public void Truncate(int length) => Length = Math.Clamp(length, 0, Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _keys.Concat(_values))
        {
            tensor.Dispose();
        }
    }

    private Tensor Append(Tensor store, Tensor added)
    {
        int width = store.Shape.Last, end = Length + added.Shape.Rows;
        if (added.Shape[0] != 1 || end > Capacity)
        {
            throw new InvalidOperationException($"a cache for one sequence of {Capacity} tokens cannot take {added.Shape} after {Length} tokens");
        }
        added.Span.CopyTo(store.Span[(Length * width)..]);
        return Ops.Prefix(store, new Shape(1, end, width));
    }
}
