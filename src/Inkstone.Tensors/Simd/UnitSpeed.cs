using System.Diagnostics;

namespace Inkstone.Tensors;

/// <summary>
/// Whether VDPBF16PS is worth having: CPUID tells that it is there, not how fast. On AMD's cores it does twice the work of float32's
/// multiply-add
/// in the same time, on Intel's it takes four times as long and so is half as fast.
/// </summary>
/// <remarks>
/// The ratio is a property of the core, two or a half, so that a measurement of a tenth of a millisecond with the fastest of many short
/// turns
/// cannot fall on the wrong side of one: every start on a machine makes the same choice, and so the same numbers.
/// </remarks>
internal static class UnitSpeed
{
    private const int Turns = 12,
        Rounds = 200;

    /// <summary>Operations per second of VDPBF16PS over those of float32's multiply-add; 0 where it cannot be used.</summary>
    public static double BFloat16 { get; } = Ratio(UnitProbe.BFloat16, UnitProbe.Float32);

    private static double Ratio(UnitProbe? probe, UnitProbe? standard)
    {
        if (probe is null || standard is null)
        {
            return 0;
        }
        double best = double.PositiveInfinity,
            bestStandard = double.PositiveInfinity;
        for (int turn = 0; turn < Turns; turn++)
        {
            best = Math.Min(best, Seconds(probe));
            bestStandard = Math.Min(bestStandard, Seconds(standard));
        }
        return probe.OperationsPerRound / best / (standard.OperationsPerRound / bestStandard);
    }

    private static double Seconds(UnitProbe probe)
    {
        long start = Stopwatch.GetTimestamp();
        probe.Run(Rounds);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
