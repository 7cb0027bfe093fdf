namespace Inkstone.Files;

/// <summary>The one fault of a disk that its user can mend: it is full, or the user's share of it is.</summary>
public static class DiskFull
{
    private const int NoSpace = 28,
        QuotaReached = 122; // ENOSPC, EDQUOT
    private const int Windows = unchecked((int)0x80070070); // ERROR_DISK_FULL

    /// <summary>Whether that is what happened.</summary>
    public static bool IsReasonOf(IOException exception) => exception.HResult is NoSpace or QuotaReached or Windows;

    /// <summary>Says it of what could not be written; <see cref="IsReasonOf"/> knows it again.</summary>
    internal static IOException At(string path, IOException reason) =>
        new($"the disk of {path} is full and nothing was kept there; free some space or name a place on another disk", reason.HResult);
}
