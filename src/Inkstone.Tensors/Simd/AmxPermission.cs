using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>Linux gives tile data to a process only on request: <c>arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)</c>.</summary>
internal static partial class AmxPermission
{
    private const nint ArchPrctl = 158;
    private const nint RequestPermission = 0x1023;
    private const nint TileData = 18;

    /// <summary>True when the kernel has granted the tile registers. Asked once, before the first tile instruction.</summary>
    public static bool Granted { get; } =
        OperatingSystem.IsLinux()
        && RuntimeInformation.ProcessArchitecture == Architecture.X64
        && SystemCall(ArchPrctl, RequestPermission, TileData) == 0;

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint code, nint argument);
}
