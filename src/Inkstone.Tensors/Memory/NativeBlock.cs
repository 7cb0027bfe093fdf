using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>One piece of aligned native memory; large ones ask the kernel for huge pages.</summary>
internal sealed unsafe partial class NativeBlock : IDisposable
{
    private const nuint HugePage = 2u << 20;
    private const int AdviseHugePages = 14;

    public NativeBlock(long bytes)
    {
        Bytes = Math.Max(bytes, 64);
        nuint size = (nuint)Bytes, alignment = size >= HugePage ? HugePage : 64;
        Pointer = (byte*)NativeMemory.AlignedAlloc(size, alignment);
        if (alignment == HugePage && OperatingSystem.IsLinux())
        {
            _ = Advise(Pointer, size, AdviseHugePages);   // a wish: the program is right without it, only slower
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
