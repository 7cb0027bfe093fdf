using System.Runtime.InteropServices;

namespace Inkstone.Distributed;

/// <summary>The processors that this process may use, as the launcher bound it.</summary>
internal static unsafe class ProcessorMask
{
    public const int Words = 16;

    /// <summary>Reads the mask; zeros where the system has none.</summary>
    public static void Read(Span<ulong> mask)
    {
        mask.Clear();
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        fixed (ulong* words = mask)
        {
            _ = GetAffinity(Environment.ProcessId, Words * sizeof(ulong), words);
        }
    }

    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    private static extern int GetAffinity(int process, nuint bytes, ulong* mask);
}

/// <summary>A sleep far shorter than the runtime's millisecond.</summary>
internal static class ShortSleep
{
    private const uint Microseconds = 50;

    /// <summary>Leaves the processor for about 50 microseconds.</summary>
    public static void Nap()
    {
        if (OperatingSystem.IsWindows())
        {
            Thread.Sleep(1);
            return;
        }
        _ = Sleep(Microseconds);
    }

    [DllImport("libc", EntryPoint = "usleep")]
    private static extern int Sleep(uint microseconds);
}
