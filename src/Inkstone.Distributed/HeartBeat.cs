using System.Diagnostics;

namespace Inkstone.Distributed;

/// <summary>
/// A thread that tells the next rank twice a second that this process lives, and listens to the rank before. A process that was killed ends
/// the job through its launcher; a cut link or a
/// frozen machine gives no error and no end, so who hears nothing for <see cref="Silence"/> says so and ends the job.
/// </summary>
internal sealed unsafe class HeartBeat : IDisposable
{
    /// <summary>So long a rank may be silent.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(20);

    private const int Between = 500,
        Tag = 7;

    private readonly Mpi _mpi;
    private readonly nint _communicator;
    private readonly int _rank,
        _size;
    private readonly Action<string> _dying;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _end = new();
    private nint _sent,
        _heard;
    private bool _sending,
        _listening;
    private readonly nint _buffer = System.Runtime.InteropServices.Marshal.AllocHGlobal(16);

    public HeartBeat(Mpi mpi, nint communicator, int rank, int size, Action<string> dying)
    {
        (_mpi, _communicator, _rank, _size, _dying) = (mpi, communicator, rank, size, dying);
        _thread = new Thread(Beat, 1 << 18) { IsBackground = true, Name = "ink heart beat" };
        _thread.Start();
    }

    /// <summary>Ends it, once all ranks have agreed to end.</summary>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        lock (_mpi.Turn)
        {
            if (_listening)
            {
                _mpi.Cancel(ref _heard);
            }
            while ((_listening && !_mpi.Test(ref _heard)) || (_sending && !_mpi.Test(ref _sent)))
            {
                Thread.Yield();
            }
        }
        _end.Dispose();
    }

    private void Beat()
    {
        int next = (_rank + 1) % _size,
            before = (_rank + _size - 1) % _size;
        long last = Stopwatch.GetTimestamp();
        try
        {
            while (!_end.Wait(Between))
            {
                // A call into MPI that does not return is silence too.
                if (!_mpi.Turn.TryEnter(Silence))
                {
                    Die(
                        $"a call into MPI has not returned for {Silence.TotalSeconds:0} seconds: the link to another process is cut, or that process hangs",
                        abort: false
                    );
                    return;
                }
                try
                {
                    if (!_sending || _mpi.Test(ref _sent))
                    {
                        (_sent, _sending) = (_mpi.Send((void*)_buffer, 1, next, Tag, _communicator), true);
                    }
                    while (!_listening || _mpi.Test(ref _heard))
                    {
                        last = _listening ? Stopwatch.GetTimestamp() : last;
                        (_heard, _listening) = (_mpi.Receive((byte*)_buffer + 8, 1, before, Tag, _communicator), true);
                    }
                }
                finally
                {
                    _mpi.Turn.Exit();
                }
                if (Stopwatch.GetElapsedTime(last) > Silence)
                {
                    Die(
                        $"rank {before} has said nothing for {Silence.TotalSeconds:0} seconds: it hangs, or the link to it is cut",
                        abort: true
                    );
                    return;
                }
            }
        }
        catch (InvalidOperationException e)
        {
            Die($"rank {before} or {next} is gone ({e.Message})", abort: true);
        }
    }

    private void Die(string why, bool abort)
    {
        if (_end.IsSet)
        {
            return;
        }
        _dying(why);
        if (abort)
        {
            Thread thread = new(() => _mpi.Abort(1)) { IsBackground = true };
            thread.Start();
            thread.Join(TimeSpan.FromSeconds(2));
        }
        Process.GetCurrentProcess().Kill();
    }
}
