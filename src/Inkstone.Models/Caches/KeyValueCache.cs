using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>
/// Keys and values of one layer. It grows with the sequence, doubling; with a sliding window it holds two windows at most, and moves the newer to the front when
/// it is full.
/// </summary>
public sealed class KeyValueCache : ILayerCache
{
    /// <summary>Tokens that a new cache has room for.</summary>
    internal const int FirstRows = 512;

    private readonly int _capacity, _room;      // tokens of the longest sequence, rows that are enough for it
    private readonly int _kept;                 // tokens that a new one may still look at
    private Tensor _keys, _values;              // [rows, Hkv·D], [rows, Hkv·Dv]
    private int _first, _length;                // position of the first row, tokens seen

    /// <summary>An empty cache.</summary>
    /// <param name="device">where it lives</param>
    /// <param name="capacity">tokens of the longest sequence</param>
    /// <param name="keyWidth">Hkv·D</param>
    /// <param name="valueWidth">Hkv·Dv</param>
    /// <param name="window">keys that a query sees, itself included; null: all</param>
    /// <param name="chunk">most tokens that come at once, where there is a window</param>
    public KeyValueCache(Device device, int capacity, int keyWidth, int valueWidth, int? window = null, int chunk = 256)
    {
        _kept = window is { } w ? w - 1 : capacity;
        _room = RoomFor(capacity, window, chunk);
        _capacity = capacity;
        int rows = Math.Min(_room, FirstRows);
        _keys = Tensor.Allocate(device, new Shape(rows, keyWidth));
        _values = Tensor.Allocate(device, new Shape(rows, valueWidth));
    }

    /// <summary>Bytes of a cache of these sizes when it is full.</summary>
    public static long BytesFor(int capacity, int keyWidth, int valueWidth, int? window = null, int chunk = 256)
        => sizeof(float) * (long)RoomFor(capacity, window, chunk) * (keyWidth + valueWidth);

    /// <inheritdoc/>
    public long Bytes => sizeof(float) * (_keys.Count + _values.Count);

    /// <summary>Takes in the keys and values of new tokens and returns those that the new ones may look at, in order and themselves last: [1, T, Hkv·D] → [1, S, Hkv·D].</summary>
    public (Tensor Keys, Tensor Values) Append(Tensor keys, Tensor values)
    {
        int added = keys.Shape.Rows;
        if (keys.Shape[0] != 1)
        {
            throw new InvalidOperationException($"a cache of one sequence cannot take keys of {keys.Shape}");
        }
        if (_length + added > _capacity)
        {
            throw new InvalidOperationException($"a cache of {_capacity} tokens cannot take {added} after {_length}");
        }
        if (_length - _first + added > _room)
        {
            Slide(Math.Min(_kept, _length - _first));
        }
        if (_length - _first + added is int rows && rows > _keys.Shape[0])
        {
            int grown = Math.Max(rows, (int)Math.Min(2L * _keys.Shape[0], _room));
            (_keys, _values) = (Grown(_keys, grown), Grown(_values, grown));
        }
        (Tensor, Tensor) all = (Put(_keys, keys), Put(_values, values));
        _length += added;
        return all;
    }

    /// <inheritdoc/>
    public bool Truncate(int length)
    {
        int oldestNeeded = Math.Max(0, length - _kept);
        bool possible = length == 0 || oldestNeeded >= _first;
        (_length, _first) = possible && length > 0 ? (Math.Min(length, _length), _first) : (0, 0);
        return possible;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    private static int RoomFor(int capacity, int? window, int chunk) => window is { } w ? (int)Math.Min(capacity, 2L * (w - 1) + chunk) : capacity;

    private void Slide(int kept)
    {
        int from = _length - _first - kept;
        foreach (Tensor store in new[] { _keys, _values })
        {
            int width = store.Shape.Last;
            store.Span.Slice(from * width, kept * width).CopyTo(store.Span);
        }
        _first = _length - kept;
    }

    /// <summary>The same rows with room for more; nothing of the running step looks at the old ones yet.</summary>
    private static Tensor Grown(Tensor store, int rows)
    {
        Tensor grown = Tensor.Allocate(store.Device, new Shape(rows, store.Shape.Last));
        store.Span.CopyTo(grown.Span);
        store.Dispose();
        return grown;
    }

    private Tensor Put(Tensor store, Tensor added)
    {
        int width = store.Shape.Last, held = _length - _first;
        added.Span.CopyTo(store.Span[(held * width)..]);
        return Ops.Prefix(store, new Shape(1, held + added.Shape.Rows, width));
    }
}
