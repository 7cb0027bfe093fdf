using System.Diagnostics;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace Inkstone.Distributed;

/// <summary>
/// The processes that an MPI launcher started. Every operation is begun, and then looked after by this process, because MPI makes no
/// progress without calls: while others compute on
/// this process' processors (<see cref="Patient"/>) it sleeps between two looks, else it yields at first.
/// </summary>
public sealed unsafe class MpiCommunicator : ICommunicator
{
    /// <summary>Most bytes of one message; larger ones go in pieces, because they are several times slower per byte and counts are
    /// 32-bit.</summary>
    private const int MostBytes = 4 << 20;

    private const int YieldMilliseconds = 2,
        CrowdedWaits = 200;
    private static readonly TimeSpan ShortYield = TimeSpan.FromMicroseconds(100);

    private readonly Mpi _mpi;
    private readonly nint _handle;
    private readonly bool _own;
    private readonly int[] _sendStarts,
        _receiveStarts;
    private readonly HeartBeat? _heartBeat;

    private MpiCommunicator(Mpi mpi, nint handle, int rank, int size, int localSize)
    {
        (_mpi, _handle, Rank, Size, LocalSize) = (mpi, handle, rank, size, localSize);
        (_sendStarts, _receiveStarts) = (new int[size], new int[size]);
    }

    private MpiCommunicator(Mpi mpi, Action<string> dying)
    {
        (_mpi, _handle, _own) = (mpi, mpi.World, true);
        (Rank, Size) = mpi.Start();
        (_sendStarts, _receiveStarts) = (new int[Size], new int[Size]);
        (LocalSize, FirstProcessor, Processors) = Neighbours();
        _heartBeat = Size > 1 ? new HeartBeat(mpi, mpi.Duplicate(mpi.World), Rank, Size, dying) : null;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public int LocalSize { get; }

    /// <summary>Of the processors that this process may use, the first of its own: where several ranks may use the same ones, they share
    /// them out.</summary>
    public int FirstProcessor { get; }

    /// <summary>How many are its own; at least 1.</summary>
    public int Processors { get; }

    /// <inheritdoc/>
    public bool Patient { get; set; }

    /// <summary>Loads MPI and meets the other processes.</summary>
    /// <param name="launch">who started this one</param>
    /// <param name="dying">is told, on a thread of its own, why the process is about to end because another is gone</param>
    /// <exception cref="InvalidDataException">There is no MPI library on this machine.</exception>
    public static MpiCommunicator Open(Launch launch, Action<string> dying) =>
        new(
            Mpi.Find(launch)
                ?? throw new InvalidDataException(
                    $"{launch.Launcher} started {launch.Size} processes, but there is no MPI library to meet by: {MpiFindings.HowToInstall}"
                ),
            dying
        );

    /// <inheritdoc/>
    public ICommunicator Duplicate()
    {
        Barrier(); // MPI_Comm_dup waits inside MPI, where nobody else may call meanwhile
        lock (_mpi.Turn)
        {
            return new MpiCommunicator(_mpi, _mpi.Duplicate(_handle), Rank, Size, LocalSize);
        }
    }

    /// <inheritdoc/>
    public void AllReduce(Span<float> values) => AllReduce(values, _mpi.Floats);

    /// <inheritdoc/>
    public void AllReduce(Span<double> values) => AllReduce(values, _mpi.Doubles);

    /// <inheritdoc/>
    public void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendBytes, Span<byte> receive, ReadOnlySpan<int> receiveBytes)
    {
        Room(send.Length, Place(sendBytes, _sendStarts));
        Room(receive.Length, Place(receiveBytes, _receiveStarts));
        fixed (
            byte* from = send,
                to = receive
        )
        fixed (
            int* sent = sendBytes,
                sentAt = _sendStarts,
                received = receiveBytes,
                receivedAt = _receiveStarts
        )
        {
            lock (_mpi.Turn)
            {
                _request = _mpi.AllToAll(from, sent, sentAt, to, received, receivedAt, _handle);
            }
            Wait();
        }
    }

    /// <inheritdoc/>
    public void AllGather(Span<byte> buffer, ReadOnlySpan<int> bytes)
    {
        Room(buffer.Length, Place(bytes, _receiveStarts));
        fixed (byte* at = buffer)
        fixed (
            int* lengths = bytes,
                starts = _receiveStarts
        )
        {
            lock (_mpi.Turn)
            {
                _request = _mpi.AllGather(at, lengths, starts, _handle);
            }
            Wait();
        }
    }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> buffer, int root)
    {
        while (!buffer.IsEmpty)
        {
            int piece = Math.Min(buffer.Length, MostBytes);
            fixed (byte* at = buffer)
            {
                lock (_mpi.Turn)
                {
                    _request = _mpi.Broadcast(at, piece, root, _handle);
                }
                Wait();
            }
            buffer = buffer[piece..];
        }
    }

    /// <inheritdoc/>
    public void Barrier()
    {
        lock (_mpi.Turn)
        {
            _request = _mpi.Barrier(_handle);
        }
        Wait();
    }

    /// <inheritdoc/>
    public void Abort(int code) => _mpi.Abort(code);

    /// <summary>Says goodbye to the others, which may end before or after this process.</summary>
    public void Dispose()
    {
        if (_own)
        {
            Barrier();
            _heartBeat?.Dispose();
            lock (_mpi.Turn)
            {
                _mpi.End();
            }
        }
    }

    private nint _request;
    private int _crowded; // waits to come in which nothing is yielded, because somebody else took the processor for long

    private void AllReduce<T>(Span<T> values, nint type)
        where T : unmanaged
    {
        while (!values.IsEmpty)
        {
            int piece = Math.Min(values.Length, MostBytes / sizeof(T));
            fixed (T* at = values)
            {
                lock (_mpi.Turn)
                {
                    _request = _mpi.AllReduce(at, piece, type, _handle);
                }
                Wait();
            }
            values = values[piece..];
        }
    }

    private void Wait()
    {
        long began = Environment.TickCount64;
        _crowded = Math.Max(0, _crowded - 1);
        while (true)
        {
            lock (_mpi.Turn)
            {
                if (_mpi.Test(ref _request))
                {
                    return;
                }
            }
            if (Patient || _crowded > 0 || Environment.TickCount64 - began > YieldMilliseconds)
            {
                ShortSleep.Nap();
                continue;
            }
            long before = Stopwatch.GetTimestamp();
            Thread.Yield();
            // Who yields stands behind all others that want the processor; who wakes from a nap comes before them.
            _crowded = Stopwatch.GetElapsedTime(before) > ShortYield ? CrowdedWaits : 0;
        }
    }

    private static int Place(ReadOnlySpan<int> lengths, int[] starts)
    {
        int at = 0;
        for (int i = 0; i < starts.Length; i++)
        {
            (starts[i], at) = (at, checked(at + lengths[i]));
        }
        return at;
    }

    private static void Room(int there, int needed) => ArgumentOutOfRangeException.ThrowIfLessThan(there, needed);

    /// <summary>Which ranks run on this machine, and which part of the processors that they share is this one's.</summary>
    private (int LocalSize, int First, int Count) Neighbours()
    {
        const int Words = 2 + ProcessorMask.Words;
        ulong[] all = new ulong[Size * Words];
        Span<ulong> own = all.AsSpan(Rank * Words, Words);
        own[0] = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(Environment.MachineName));
        own[1] = (ulong)Environment.ProcessorCount;
        ProcessorMask.Read(own[2..]);
        int[] bytes = new int[Size];
        Array.Fill(bytes, Words * sizeof(ulong));
        AllGather(MemoryMarshal.AsBytes(all.AsSpan()), bytes);
        int local = 0,
            sharing = 0,
            before = 0;
        for (int r = 0; r < Size; r++)
        {
            ReadOnlySpan<ulong> other = all.AsSpan(r * Words, Words);
            local += other[0] == own[0] ? 1 : 0;
            bool shares = other[0] == own[0] && other[2..].SequenceEqual(own[2..]);
            sharing += shares ? 1 : 0;
            before += shares && r < Rank ? 1 : 0;
        }
        int processors = Environment.ProcessorCount,
            first = before * processors / sharing,
            end = (before + 1) * processors / sharing;
        return (local, first, Math.Max(1, end - first));
    }
}
