using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>One piece of aligned native memory; large ones ask the kernel for huge pages.</summary>
internal sealed unsafe partial class NativeBlock : IDisposable
{
    private const nuint HugePage = 2u << 20;
    private const int AdviseHugePages = 14,
        AdviseSmallPages = 15,
        AdviseUnneeded = 4;
    private const long LargeBytes = 64 << 20;

    public NativeBlock(long bytes)
    {
        Bytes = Math.Max(bytes, 64);
        nuint size = (nuint)Bytes,
            alignment = size >= HugePage ? HugePage : 64;
        if (Bytes >= LargeBytes && Bytes + Environment.WorkingSet > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
        {
            throw TooLarge(); // Linux would promise it, and kill the process when it is used
        }
        try
        {
            Pointer = (byte*)NativeMemory.AlignedAlloc(size, alignment);
        }
        catch (OutOfMemoryException)
        {
            throw TooLarge();
        }
        if (alignment == HugePage && OperatingSystem.IsLinux())
        {
            _ = Advise(Pointer, size, AdviseHugePages); // a wish: the program is right without it, only slower
        }
        GC.AddMemoryPressure(Bytes);
    }

    ~NativeBlock() => Free();

    public byte* Pointer { get; private set; }

    public long Bytes { get; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Zeros, of which Linux gives each page when it is first used.</summary>
    public void Clear()
    {
        if (OperatingSystem.IsLinux() && Bytes >= LargeBytes >> 6)
        {
            nuint page = (nuint)Environment.SystemPageSize,
                from = ((nuint)Pointer + page - 1) / page * page,
                to = ((nuint)Pointer + (nuint)Bytes) / page * page;
            if (Advise((void*)from, to - from, AdviseUnneeded) == 0)
            {
                NativeMemory.Clear(Pointer, from - (nuint)Pointer);
                NativeMemory.Clear((void*)to, (nuint)Pointer + (nuint)Bytes - to);
                return;
            }
        }
        NativeMemory.Clear(Pointer, (nuint)Bytes);
    }

    /// <summary>Gives pages back one by one from now on (see <see cref="GiveBack"/>), which huge ones cannot.</summary>
    public void TakeSmallPages()
    {
        if (OperatingSystem.IsLinux() && Bytes >= (long)HugePage)
        {
            _ = Advise(Pointer, (nuint)Bytes, AdviseSmallPages);
        }
    }

    /// <summary>Gives the whole pages within a range back to the machine; what lay there is gone, what is written there later gets new
    /// pages. On other systems than Linux nothing happens.</summary>
    public void GiveBack(long firstByte, long bytes)
    {
        nuint page = (nuint)Environment.SystemPageSize,
            from = ((nuint)(Pointer + firstByte) + page - 1) / page * page,
            to = (nuint)(Pointer + firstByte + bytes) / page * page;
        if (OperatingSystem.IsLinux() && from < to)
        {
            _ = Advise((void*)from, to - from, AdviseUnneeded);
        }
    }

    private InsufficientMemoryException TooLarge() =>
        new(
            $"{Gib(Bytes)} of memory are needed at once beside the {Gib(Environment.WorkingSet)} in use, and this machine has {Gib(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)}: take a smaller model, batch or length"
        );

    private static string Gib(long bytes) => FormattableString.Invariant($"{bytes / (double)(1 << 30):0.0} GiB");

    private void Free()
    {
        if (Pointer != null)
        {
            NativeMemory.AlignedFree(Pointer);
            Pointer = null;
            GC.RemoveMemoryPressure(Bytes);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
