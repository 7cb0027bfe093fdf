using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>A piece of work over the range [start, end); the struct's fields are its arguments.</summary>
public interface IRangeKernel
{
    /// <summary>Does the part [<paramref name="start"/>, <paramref name="end"/>); <paramref name="worker"/> names the thread's scratch
    /// memory.</summary>
    void Run(int start, int end, int worker);
}

/// <summary>
/// Threads that share loops. The caller works too; the others are pinned to one CPU each, spin for a moment between jobs and then park.
/// </summary>
/// <remarks>
/// A job is cut into chunks whose borders depend only on the count and the grain, never on the number of threads, and chunks are claimed
/// one by one from a ticket (generation | chunks | next). Only a claimed chunk keeps the caller waiting, so a thread that wakes late delays
/// nobody.
/// </remarks>
public sealed unsafe class Workers : IDisposable
{
    private const int ChunkBits = 20;
    private const long ChunkMask = (1L << ChunkBits) - 1;
    private const int SpinRounds = 4000;

    private readonly int _firstProcessor;
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim[] _wake;
    private readonly Padded[] _parked;
    private readonly NativeBlock?[] _scratch;
    private Padded _ticket;
    private Padded _done;
    private long _generation;
    private void* _job;
    private delegate* <void*, int, int, int, void> _invoke;
    private int _count,
        _grain;
    private volatile bool _stopping;
    private volatile Exception? _failure;

    /// <summary>Starts <paramref name="threads"/> − 1 threads beside the caller.</summary>
    /// <param name="threads">number of threads, the caller included</param>
    /// <param name="firstProcessor">of the processors that the process may use, the one of the caller; the threads take those behind
    /// it</param>
    public Workers(int threads, int firstProcessor = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        (Count, _firstProcessor) = (threads, firstProcessor);
        _scratch = new NativeBlock?[threads];
        _wake = new SemaphoreSlim[threads - 1];
        _parked = new Padded[threads - 1];
        _threads = new Thread[threads - 1];
        for (int i = 0; i < threads - 1; i++)
        {
            int worker = i + 1;
            _wake[i] = new SemaphoreSlim(0);
            _threads[i] = new Thread(() => Loop(worker), 1 << 20) { IsBackground = true, Name = $"ink worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of threads that work, the caller included.</summary>
    public int Count { get; }

    /// <summary>Runs <paramref name="kernel"/> over [0, <paramref name="count"/>) in chunks of <paramref name="grain"/>; returns when all
    /// are done.</summary>
    public void For<TKernel>(ref TKernel kernel, int count, int grain)
        where TKernel : struct, IRangeKernel
    {
        if (count <= 0)
        {
            return;
        }
        grain = Math.Max(grain, 1);
        int chunks = (count - 1) / grain + 1;
        if (chunks > ChunkMask)
        {
            grain = (int)((count - 1) / ChunkMask) + 1;
            chunks = (count - 1) / grain + 1;
        }
        if (chunks == 1 || Count == 1)
        {
            kernel.Run(0, count, 0);
            return;
        }
        // The struct lies on the caller's stack, which does not move and is scanned by the collector while this method runs.
        _job = Unsafe.AsPointer(ref kernel);
        _invoke = &Invoke<TKernel>;
        (_count, _grain) = (count, grain);
        Volatile.Write(ref _done.Value, 0);
        _generation++;
        Interlocked.Exchange(ref _ticket.Value, (_generation << (2 * ChunkBits)) | ((long)chunks << ChunkBits));
        for (int i = 0; i < _parked.Length && i < chunks - 1; i++)
        {
            if (Interlocked.CompareExchange(ref _parked[i].Value, 0, 1) == 1)
            {
                _wake[i].Release();
            }
        }
        Work(0);
        SpinWait wait = default;
        while (Volatile.Read(ref _done.Value) < chunks)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a kernel failed on a worker thread: " + failure.Message, failure);
        }
    }

    /// <summary>Private memory of one worker, at least <paramref name="bytes"/>, kept between jobs; contents are undefined.</summary>
    internal byte* Scratch(int worker, long bytes)
    {
        NativeBlock? block = _scratch[worker];
        if (block is null || block.Bytes < bytes)
        {
            block?.Dispose();
            // Powers of two: a cache that grows token by token must not mean a new block for every token.
            _scratch[worker] = block = new NativeBlock((long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)bytes));
        }
        return block.Pointer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        foreach (SemaphoreSlim wake in _wake)
        {
            wake.Release();
        }
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
        foreach (SemaphoreSlim wake in _wake)
        {
            wake.Dispose();
        }
        foreach (NativeBlock? block in _scratch)
        {
            block?.Dispose();
        }
    }

    /// <summary>
    /// Left as it is compiled at first: an optimised one would take the kernel's loop into itself, where the budget for inlining is spent
    /// before
    /// the vector code is reached, which then runs as calls (SwiGLU on AVX2: 19 times slower).
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    private static void Invoke<TKernel>(void* job, int start, int end, int worker)
        where TKernel : struct, IRangeKernel => Unsafe.AsRef<TKernel>(job).Run(start, end, worker);

    /// <summary>Claims and runs chunks until none is left.</summary>
    private void Work(int worker)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket.Value);
            long next = ticket & ChunkMask,
                chunks = (ticket >> ChunkBits) & ChunkMask;
            if (next >= chunks)
            {
                return;
            }
            if (Interlocked.CompareExchange(ref _ticket.Value, ticket + 1, ticket) != ticket)
            {
                continue;
            }
            // The claim holds the job's fields in place: the caller cannot leave For before this chunk is done.
            int start = (int)next * _grain,
                end = Math.Min(_count, start + _grain);
            try
            {
                _invoke(_job, start, end, worker);
            }
            catch (Exception e)
            {
                // Also on the caller's thread: it may not leave For, where the job lies, before the others are done.
                _failure = e;
            }
            finally
            {
                Interlocked.Increment(ref _done.Value);
            }
        }
    }

    private void Loop(int worker)
    {
        CpuThread.Prepare(_firstProcessor + worker);
        ref long parked = ref _parked[worker - 1].Value;
        while (!_stopping)
        {
            if (SpinUntilWork())
            {
                Work(worker);
                continue;
            }
            Interlocked.Exchange(ref parked, 1);
            if (HasWork() && Interlocked.CompareExchange(ref parked, 0, 1) == 1)
            {
                continue;
            }
            _wake[worker - 1].Wait(); // the one who took our mark releases us
        }
    }

    private bool SpinUntilWork()
    {
        for (int i = 0; i < SpinRounds; i++)
        {
            if (HasWork())
            {
                return true;
            }
            Thread.SpinWait(8);
        }
        return false;
    }

    private bool HasWork()
    {
        long ticket = Volatile.Read(ref _ticket.Value);
        return (ticket & ChunkMask) < ((ticket >> ChunkBits) & ChunkMask);
    }

    /// <summary>A counter alone on its cache lines.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Padded
    {
        [FieldOffset(128)]
        public long Value;
    }
}
