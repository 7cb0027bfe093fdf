using System.Diagnostics;

namespace Inkstone.Cli;

/// <summary>How much of its threads' time on the CPU this process gets while all of them compute: below 1 when other programs run
/// too.</summary>
internal sealed class CpuShare
{
    /// <summary>With less than this, other programs run at the same time.</summary>
    public const double Alone = 0.7;

    private readonly int _threads;
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly TimeSpan _cpu = Process.GetCurrentProcess().TotalProcessorTime;

    private CpuShare(int threads) => _threads = threads;

    public static CpuShare Begin(int? threads) => new(threads ?? Environment.ProcessorCount);

    /// <summary>CPU time since the beginning over threads · wall time.</summary>
    public double End() =>
        Math.Min(
            1,
            (Process.GetCurrentProcess().TotalProcessorTime - _cpu).TotalSeconds
                / (_threads * Stopwatch.GetElapsedTime(_began).TotalSeconds)
        );
}
