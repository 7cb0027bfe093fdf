using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>
/// Finds gzip files that were cut off, which GZipStream reads without complaint: the last four bytes are the length of the
/// text modulo 2^32 (RFC 1952, section 2.3.1).
/// </summary>
internal static class GzipEnd
{
    /// <exception cref="InvalidDataException">The file ends too early.</exception>
    public static void Check(FileStream raw, long textLength, string file)
    {
        Span<byte> end = stackalloc byte[4];
        raw.Position = Math.Max(0, raw.Length - 4);
        raw.ReadAtLeast(end, 4, throwOnEndOfStream: false);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) == (uint)textLength || HasSecondMember(raw))
        {
            return;
        }
        throw new InvalidDataException($"the gzip file '{file}' is cut off: fetch it again.");
    }

    /// <summary>Files of several members end with the length of the last one only: such a file is left unchecked.</summary>
    private static bool HasSecondMember(FileStream raw)
    {
        byte[] buffer = new byte[1 << 16];
        int kept = 0;
        raw.Position = 3;
        while (raw.Read(buffer, kept, buffer.Length - kept) is > 0 and var read)
        {
            ReadOnlySpan<byte> bytes = buffer.AsSpan(0, kept + read);
            if (bytes.IndexOf((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]) >= 0)
            {
                return true;
            }
            kept = Math.Min(2, bytes.Length);
            bytes[^kept..].CopyTo(buffer);
        }
        return false;
    }
}
