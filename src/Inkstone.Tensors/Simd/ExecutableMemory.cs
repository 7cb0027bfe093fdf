using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>Machine code of the process: written once, then read and executed, never writable again and never freed.</summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1,
        Write = 2,
        Execute = 4,
        Private = 2,
        Anonymous = 0x20;

    /// <summary>Copies <paramref name="code"/> to fresh pages and makes them executable.</summary>
    public static void* Place(ReadOnlySpan<byte> code)
    {
        nuint bytes = ((nuint)code.Length + 4095) & ~(nuint)4095;
        void* pages = Map(null, bytes, Read | Write, Private | Anonymous, -1, 0);
        if ((nint)pages == -1)
        {
            throw new InvalidOperationException("the system gave no memory for machine code");
        }
        code.CopyTo(new Span<byte>(pages, code.Length));
        return Protect(pages, bytes, Read | Execute) == 0
            ? pages
            : throw new InvalidOperationException("the system does not allow code made at run time");
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);
}
