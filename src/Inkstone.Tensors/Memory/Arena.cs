using System.Numerics;

namespace Inkstone.Tensors;

/// <summary>
/// Memory of one step: tensors are rented while it runs, some are returned early, and <see cref="Reset"/> takes all of them back.
/// Blocks and Tensor objects are kept and used again, so that after the first step nothing is allocated. Where shapes change from step to
/// step, as with answers that a model writes itself, a tensor takes a larger block, and blocks that no shape fits any more go back to the
/// system: the arena holds at most <see cref="MostHeld"/> times what was in use at once.
/// </summary>
public sealed class Arena : IDisposable
{
    private const double MostHeld = 1.25;
    private const long AlwaysHeld = 64 << 20;
    private const int TwiceAsLarge = 8; // classes

    private readonly Device _device;
    private readonly Stack<NativeBlock>?[] _free = new Stack<NativeBlock>?[8 * 64]; // by class of their size
    private readonly ulong[] _filled = new ulong[8]; // a bit for each class that has free blocks
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
        int at = ClassOf(block.Bytes);
        (_free[at] ??= new Stack<NativeBlock>()).Push(block);
        _filled[at >> 6] |= 1UL << at;
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
        Shed(0);
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
        int wanted = ClassOf(size),
            at = Filled(wanted);
        NativeBlock block;
        // Steps of training are alike and soon have a block of about each size. Batches of a server have ever other lengths, and would in time
        // make blocks of all sizes, so the least that is large enough serves them.
        if (at >= 0 && (at <= wanted + TwiceAsLarge || !_device.Tape.Training))
        {
            block = Take(at);
        }
        else
        {
            Shed((long)Math.Max(AlwaysHeld, MostHeld * Math.Max(PeakBytes, BytesInUse + size)) - size);
            block = new NativeBlock(size);
            Bytes += size;
        }
        BytesInUse += block.Bytes;
        PeakBytes = Math.Max(PeakBytes, BytesInUse);
        return block;
    }

    private NativeBlock Take(int at)
    {
        NativeBlock block = _free[at]!.Pop();
        if (_free[at]!.Count == 0)
        {
            _filled[at >> 6] &= ~(1UL << at);
        }
        return block;
    }

    /// <summary>Gives free blocks back to the system, the largest first, until no more than <paramref name="most"/> bytes are held.</summary>
    private void Shed(long most)
    {
        for (int at = _free.Length - 1; at >= 0 && Bytes > most; at--)
        {
            while (Bytes > most && _free[at] is { Count: > 0 })
            {
                NativeBlock idle = Take(at);
                Bytes -= idle.Bytes;
                idle.Dispose();
            }
        }
    }

    /// <summary>The first class from <paramref name="at"/> on that has free blocks, or −1.</summary>
    private int Filled(int at)
    {
        ulong word = _filled[at >> 6] >> at << at;
        for (int i = at >> 6; ; word = _filled[i])
        {
            if (word != 0)
            {
                return (i << 6) + BitOperations.TrailingZeroCount(word);
            }
            if (++i == _filled.Length)
            {
                return -1;
            }
        }
    }

    /// <summary>Sizes in steps of 1/8 of a power of two, so that batches of slightly different lengths share blocks.</summary>
    private static long SizeClass(long bytes)
    {
        long least = Math.Max(bytes, 64);
        long step = Math.Max(64, (long)BitOperations.RoundUpToPowerOf2((ulong)least) / 16);
        return (least + step - 1) / step * step;
    }

    /// <summary>Number of a size class, ascending with the size.</summary>
    private static int ClassOf(long size)
    {
        int octave = BitOperations.Log2((ulong)size - 1);
        return 8 * octave + (int)((size - (1L << octave)) / Math.Max(64, 1L << octave >> 3));
    }
}
