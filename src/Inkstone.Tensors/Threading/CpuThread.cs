using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>What a computing thread asks of the operating system: its own CPU, and room for the big signal frames of AMX.</summary>
public static unsafe partial class CpuThread
{
    private const int MaskWords = 16;
    private const nuint SignalStackBytes = 64 << 10;

    /// <summary>The CPUs that the process was started on, read before any thread is pinned.</summary>
    private static readonly ulong[] Allowed = ReadAllowed();

    /// <summary>Pins the calling thread to the <paramref name="index"/>-th CPU that the process may use. No effect outside Linux.</summary>
    public static void Pin(int index)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        ReadOnlySpan<ulong> allowed = Allowed;
        int seen = 0;
        for (int cpu = 0; cpu < MaskWords * 64; cpu++)
        {
            if ((allowed[cpu / 64] >> (cpu % 64) & 1) != 0 && seen++ == index)
            {
                ulong* one = stackalloc ulong[MaskWords];
                new Span<ulong>(one, MaskWords).Clear();
                one[cpu / 64] = 1ul << (cpu % 64);
                _ = SetAffinity(0, MaskWords * sizeof(ulong), one);
                return;
            }
        }
    }

    private static ulong[] ReadAllowed()
    {
        ulong[] mask = new ulong[MaskWords];
        fixed (ulong* words = mask)
        {
            return OperatingSystem.IsLinux() && GetAffinity(Environment.ProcessId, MaskWords * sizeof(ulong), words) == 0
                ? mask
                : new ulong[MaskWords];
        }
    }

    /// <summary>Pins the thread and, where tiles will be used, gives it a large alternate signal stack.</summary>
    /// <remarks>
    /// After its first tile instruction a thread's signal frames are 11.5 KB for ever, about as much as the runtime's own
    /// alternate stack holds: a null reference caught on such a thread would end the process. The new stack is never freed, like its
    /// thread.
    /// </remarks>
    public static void Prepare(int index)
    {
        Pin(index);
        if (OperatingSystem.IsLinux() && CpuFeatures.HasAmx)
        {
            SignalStack stack = new() { Pointer = NativeMemory.AlignedAlloc(SignalStackBytes, 4096), Size = SignalStackBytes };
            _ = SetSignalStack(&stack, null);
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint bytes, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int process, nuint bytes, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sigaltstack")]
    private static partial int SetSignalStack(SignalStack* stack, SignalStack* old);

    [StructLayout(LayoutKind.Sequential)]
    private struct SignalStack
    {
        public void* Pointer;
        public int Flags;
        public nuint Size;
    }
}
