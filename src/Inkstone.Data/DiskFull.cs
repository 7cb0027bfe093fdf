namespace Inkstone.Data;

/// <summary>Tells a full disk from other faults of input and output.</summary>
internal static class DiskFull
{
    private const int Unix = 28; // ENOSPC
    private const int Windows = unchecked((int)0x80070070); // ERROR_DISK_FULL

    public static bool IsReasonOf(IOException exception) => exception.HResult is Unix or Windows;
}
