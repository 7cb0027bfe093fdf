using System.Diagnostics.CodeAnalysis;

namespace Inkstone.Tensors;

/// <summary>
/// Memory of one step: tensors are rented while it runs, some are returned early, and <see cref="Reset"/> takes all of them back.
/// Blocks and Tensor objects are kept and used again, so that after the first step nothing is allocated.
/// </summary>
public sealed class Arena : IDisposable
{
    private readonly Device _device;
    private readonly Dictionary<long, Blocks> _sizes = [];
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
        _sizes[block.Bytes].Return(block);
    }

    /// <summary>
    /// Gives back blocks that were needed neither since the last call nor between that and the one before. Where the shapes of steps change, as
    /// with answers that a model writes itself, the arena would else hold the blocks of every shape that there ever was.
    /// </summary>
    public void Trim()
    {
        foreach (Blocks blocks in _sizes.Values)
        {
            Bytes -= blocks.Trim();
        }
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
        foreach (Blocks blocks in _sizes.Values)
        {
            blocks.Keep(0);
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
        if (!_sizes.TryGetValue(size, out Blocks? blocks))
        {
            _sizes[size] = blocks = new Blocks();
        }
        if (!blocks.TryTake(out NativeBlock? block))
        {
            block = blocks.Add(size);
            Bytes += size;
        }
        BytesInUse += size;
        PeakBytes = Math.Max(PeakBytes, BytesInUse);
        return block;
    }

    /// <summary>Sizes in steps of 1/8 of a power of two, so that batches of slightly different lengths share blocks.</summary>
    private static long SizeClass(long bytes)
    {
        long least = Math.Max(bytes, 64);
        long step = Math.Max(64, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)least) / 16);
        return (least + step - 1) / step * step;
    }

    /// <summary>Blocks of one size.</summary>
    private sealed class Blocks
    {
        private readonly Stack<NativeBlock> _free = new();
        private int _used,
            _most, // used at once since the last trimming
            _mostBefore;

        public bool TryTake([NotNullWhen(true)] out NativeBlock? block)
        {
            bool taken = _free.TryPop(out block);
            _used += taken ? 1 : 0;
            _most = Math.Max(_most, _used);
            return taken;
        }

        public NativeBlock Add(long bytes)
        {
            NativeBlock block = new(bytes);
            _most = Math.Max(_most, ++_used);
            return block;
        }

        public void Return(NativeBlock block)
        {
            _used--;
            _free.Push(block);
        }

        public long Trim()
        {
            long freed = Keep(Math.Max(_most, _mostBefore));
            (_mostBefore, _most) = (_most, _used);
            return freed;
        }

        /// <summary>Gives free blocks back until there are no more than <paramref name="count"/> in all.</summary>
        public long Keep(int count)
        {
            long freed = 0;
            while (_used + _free.Count > count && _free.TryPop(out NativeBlock? block))
            {
                freed += block.Bytes;
                block.Dispose();
            }
            return freed;
        }
    }
}
