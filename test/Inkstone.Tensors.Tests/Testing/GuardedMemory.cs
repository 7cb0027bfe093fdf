using System.Runtime.InteropServices;

namespace Inkstone.Tensors.Tests;

/// <summary>Memory whose end touches a page that may be neither read nor written: a kernel that goes one element too far faults.</summary>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int None = 0,
        ReadWrite = 3,
        PrivateAnonymous = 0x22,
        PrivateAnonymousMac = 0x1002;

    private readonly byte* _start;
    private readonly nuint _bytes;

    public GuardedMemory(long bytes)
    {
        nuint page = (nuint)Environment.SystemPageSize,
            room = ((nuint)bytes + page - 1) / page * page;
        _bytes = room + page;
        if (OperatingSystem.IsWindows())
        {
            _start = (byte*)NativeMemory.Alloc(_bytes); // no guard here: the values are still checked
        }
        else
        {
            _start = Map(null, _bytes, ReadWrite, OperatingSystem.IsMacOS() ? PrivateAnonymousMac : PrivateAnonymous, -1, 0);
            ((nint)_start).ShouldNotBe(-1);
            Protect(_start + room, page, None).ShouldBe(0);
        }
        Pointer = _start + room - bytes;
    }

    /// <summary>Where a tensor of exactly the asked size begins.</summary>
    public byte* Pointer { get; }

    public void Dispose()
    {
        if (OperatingSystem.IsWindows())
        {
            NativeMemory.Free(_start);
        }
        else
        {
            _ = Unmap(_start, _bytes);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(byte* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(byte* address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* address, nuint bytes);
}
