namespace Inkstone.Tensors;

/// <summary>
/// Memory of one step: tensors are rented while it runs, some are returned early, and <see cref="Reset"/> takes all of them back.
/// Blocks and Tensor objects are kept and used again, so that after the first step nothing is allocated. Where shapes change from step to
/// step, as with answers that a model writes itself, a tensor takes a block up to twice its size, and blocks that no shape fits any more go
/// back to the system: the arena holds at most <see cref="MostHeld"/> times what was in use at once.
/// </summary>
public sealed class Arena : IDisposable
{
    private const double MostHeld = 1.25;
    private const int MostWaste = 2;
    private const long AlwaysHeld = 64 << 20;

    private readonly Device _device;
    private readonly SortedList<long, Stack<NativeBlock>> _free = [];
    private readonly List<Tensor> _tensors = [];
    private int _used;

    internal Arena(Device device) => _device = device;

    /// <summary>Bytes of native memory that the arena holds, in use or not.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes in use now.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>Largest <see cref="BytesInUse"/> so far.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>A tensor with undefined contents that lives until it is returned or the step ends.</summary>
    internal Tensor Rent(Shape shape, DType type)
    {
        Tensor tensor = NextTensor();
        tensor.Attach(TakeBlock(type.Bytes(shape.Count)), shape, type);
        return tensor;
    }

    /// <summary>Another shape over the memory of <paramref name="source"/>; owns nothing.</summary>
    internal Tensor RentView(Tensor source, Shape shape, long firstByte = 0)
    {
        Tensor tensor = NextTensor();
        tensor.AttachView(source, shape, firstByte);
        return tensor;
    }

    /// <summary>Number of tensors rented so far in this step, for <see cref="ReleaseSince"/>.</summary>
    internal int Mark => _used;

    /// <summary>Whether <paramref name="tensor"/> was rented since <paramref name="mark"/>.</summary>
    internal bool IsSince(int mark, Tensor tensor) => _tensors.IndexOf(tensor, mark, _used - mark) >= 0;

    /// <summary>Takes back everything rented since <paramref name="mark"/> but <paramref name="kept"/>.</summary>
    internal void ReleaseSince(int mark, ReadOnlySpan<Tensor> kept)
    {
        for (int i = mark; i < _used; i++)
        {
            if (!kept.Contains(_tensors[i]))
            {
                _tensors[i].Release();
            }
        }
    }

    internal void Return(NativeBlock block)
    {
        BytesInUse -= block.Bytes;
        _free[block.Bytes].Push(block);
    }

    /// <summary>Takes every rented tensor back. Tensors of the step must not be used afterwards.</summary>
    public void Reset()
    {
        for (int i = 0; i < _used; i++)
        {
            _tensors[i].Release();
        }
        _used = 0;
    }

    /// <summary>Gives all memory back to the system.</summary>
    public void Dispose()
    {
        Reset();
        foreach (Stack<NativeBlock> blocks in _free.Values)
        {
            foreach (NativeBlock block in blocks)
            {
                block.Dispose();
            }
            blocks.Clear();
        }
        Bytes = 0;
    }

    private Tensor NextTensor()
    {
        if (_used == _tensors.Count)
        {
            _tensors.Add(new Tensor(_device));
        }
        return _tensors[_used++];
    }

    private NativeBlock TakeBlock(long bytes)
    {
        long size = SizeClass(bytes);
        NativeBlock block = Find(size) ?? Allocate(size);
        BytesInUse += block.Bytes;
        PeakBytes = Math.Max(PeakBytes, BytesInUse);
        return block;
    }

    /// <summary>A free block of this size, or the smallest that is not much larger.</summary>
    private NativeBlock? Find(long size)
    {
        int at = _free.IndexOfKey(size);
        if (at < 0)
        {
            _free.Add(size, new Stack<NativeBlock>());
            at = _free.IndexOfKey(size);
        }
        for (int i = at; i < _free.Count && _free.GetKeyAtIndex(i) <= MostWaste * size; i++)
        {
            if (_free.GetValueAtIndex(i).TryPop(out NativeBlock? block))
            {
                return block;
            }
        }
        return null;
    }

    private NativeBlock Allocate(long size)
    {
        long most = (long)Math.Max(AlwaysHeld, MostHeld * Math.Max(PeakBytes, BytesInUse + size));
        for (int i = _free.Count - 1; i >= 0 && Bytes + size > most; i--)
        {
            while (Bytes + size > most && _free.GetValueAtIndex(i).TryPop(out NativeBlock? idle))
            {
                Bytes -= idle.Bytes;
                idle.Dispose();
            }
        }
        Bytes += size;
        return new NativeBlock(size);
    }

    /// <summary>Sizes in steps of 1/8 of a power of two, so that batches of slightly different lengths share blocks.</summary>
    private static long SizeClass(long bytes)
    {
        long least = Math.Max(bytes, 64);
        long step = Math.Max(64, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)least) / 16);
        return (least + step - 1) / step * step;
    }
}
