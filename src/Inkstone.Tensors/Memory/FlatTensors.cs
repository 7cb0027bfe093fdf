namespace Inkstone.Tensors;

/// <summary>One flat float32 buffer, zeroed, and the tensors of given shapes that are views into it, in order, each from a cache line's
/// border on.</summary>
public sealed class FlatTensors : IDisposable
{
    /// <summary>Elements of a cache line, to whose multiples every part is padded with zeros.</summary>
    public const int Line = 16;

    private readonly Tensor? _all;
    private readonly Tensor[] _parts;
    private readonly long[] _starts;

    /// <summary>Allocates the buffer.</summary>
    /// <param name="device">where it lies; null only where there are no parts</param>
    /// <param name="shapes">sizes of the parts</param>
    public FlatTensors(Device? device, IReadOnlyList<Shape> shapes)
    {
        (_parts, _starts) = (new Tensor[shapes.Count], new long[shapes.Count]);
        long lines = 0;
        for (int i = 0; i < shapes.Count; i++)
        {
            _starts[i] = lines * Line;
            lines += (shapes[i].Count + Line - 1) / Line;
        }
        if (shapes.Count == 0)
        {
            return;
        }
        ArgumentNullException.ThrowIfNull(device);
        _all = Tensor.Reserve(device, new Shape(checked((int)lines), Line));
        _all.Block!.Clear();
        for (int i = 0; i < shapes.Count; i++)
        {
            _parts[i] = Tensor.Part(_all, _starts[i], shapes[i]);
        }
    }

    /// <summary>Number of parts.</summary>
    public int Count => _parts.Length;

    /// <summary>Elements of the whole buffer, padding included: a multiple of <see cref="Line"/>.</summary>
    public long Length => _all?.Count ?? 0;

    /// <summary>A part as a tensor.</summary>
    public Tensor this[int index] => _parts[index];

    /// <summary>Where a part begins in the buffer, in elements.</summary>
    public long Start(int index) => _starts[index];

    /// <summary>A range of the buffer as memory of the host, for a collective operation.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the buffer.</exception>
    public unsafe Span<float> HostSpan(FlatRange range)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(range.Start);
        ArgumentOutOfRangeException.ThrowIfNegative(range.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.End, Length);
        return _all is null ? default : new Span<float>(_all.F32 + range.Start, checked((int)range.Length));
    }

    /// <summary>Whole pages within a range go back to the machine, and what lay there is gone; the addresses stay, and the next write gets new
    /// pages. Only Linux does it.</summary>
    public void GiveBack(FlatRange range)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(range.Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.End, Length);
        _all?.Block!.GiveBack(range.Start * sizeof(float), range.Length * sizeof(float));
    }

    /// <summary>To be called before ranges are given back: huge pages go back only as wholes.</summary>
    internal void TakeSmallPages() => _all?.Block!.TakeSmallPages();

    /// <summary>Frees the buffer; its parts cannot be used any more.</summary>
    public void Dispose()
    {
        foreach (Tensor part in _parts)
        {
            part.Dispose();
        }
        _all?.Dispose();
    }
}

/// <summary>A range of a flat buffer.</summary>
/// <param name="Start">first element</param>
/// <param name="Length">number of elements</param>
public readonly record struct FlatRange(long Start, long Length)
{
    /// <summary>The element behind the last one.</summary>
    public long End => Start + Length;
}
