using System.Globalization;
using System.Runtime.InteropServices;
using Inkstone.Files;

namespace Inkstone.Cli;

/// <summary>
/// Ctrl-C, SIGTERM and the loss of the terminal. The first one cancels the token; a verb that is about to save a checkpoint is waited for,
/// any other
/// has a moment to end by itself. Then, or at the second one, the program ends: what is half written goes, one line is said, the code is
/// 130.
/// </summary>
internal sealed class Signals : IDisposable
{
    /// <summary>The exit code of an interrupted program.</summary>
    public const int Interrupted = 130;

    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly TextWriter _error;
    private readonly CancellationTokenSource _cancel = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly bool _several;
    private volatile bool _saves;
    private volatile Action? _onCtrlC;
    private int _ended;

    /// <param name="error">where it tells</param>
    /// <param name="several">whether mpirun started several processes: USR1, which it passes on at once and without a time limit, then
    /// means to save and to end</param>
    public Signals(TextWriter error, bool several = false)
    {
        (_error, _several) = (error, several);
        if (several && !OperatingSystem.IsWindows())
        {
            _registrations.Add(PosixSignalRegistration.Create((PosixSignal)(OperatingSystem.IsMacOS() ? 30 : 10), Stop));
        }
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            if (signal != PosixSignal.SIGHUP || !HangUpIsIgnored())
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, Stop));
            }
        }
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Cancelled => _cancel.Token;

    /// <summary>Runs work that answers to the token by saving, and is waited for.</summary>
    public T Saving<T>(Func<T> work)
    {
        _saves = true;
        try
        {
            return work();
        }
        finally
        {
            _saves = false;
        }
    }

    /// <summary>Until it is disposed, Ctrl-C does <paramref name="stop"/> instead of ending the program.</summary>
    public IDisposable OnCtrlC(Action stop)
    {
        _onCtrlC = stop;
        return new Reset(this);
    }

    /// <summary>The verb has ended by itself: signals change nothing any more.</summary>
    public void End()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1)
        {
            Thread.Sleep(Timeout.Infinite); // the program is being ended
        }
    }

    public void Dispose()
    {
        _registrations.ForEach(r => r.Dispose());
        _cancel.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (signal.Signal == PosixSignal.SIGINT && _onCtrlC is { } stop)
        {
            stop();
            return;
        }
        if (_cancel.IsCancellationRequested)
        {
            EndNow();
            return;
        }
        bool waits = _saves;
        _cancel.Cancel();
        if (waits)
        {
            _error.WriteLine(
                _several
                    ? "ink: told to stop, after this step if there is time (mpirun gives a second, kill -USR1 as long as it takes); the last checkpoint can be gone on from with --resume"
                    : "ink: stopping after this step; once more ends at once"
            );
        }
        else
        {
            Unfinished.Close();
            _ = Task.Delay(Moment).ContinueWith(_ => EndNow(), TaskScheduler.Default);
        }
    }

    private void EndNow()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Unfinished.Delete();
            _error.WriteLine("ink: interrupted");
            Environment.Exit(Interrupted);
        }
    }

    /// <summary>Whether we were started with nohup: then the terminal may go and we stay.</summary>
    private static bool HangUpIsIgnored()
    {
        const string Status = "/proc/self/status",
            Ignored = "SigIgn:";
        return File.Exists(Status)
            && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal)) is { } mask
            && (ulong.Parse(mask.AsSpan(Ignored.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 1) == 1;
    }

    private sealed class Reset(Signals signals) : IDisposable
    {
        public void Dispose() => signals._onCtrlC = null;
    }
}
