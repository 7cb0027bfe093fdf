using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>One band of one document, as bucket files hold it.</summary>
/// <param name="Key">Of equal keys one may be near the other; the last byte is the number of the band.</param>
/// <param name="Row">The document.</param>
/// <param name="Shingles">Different shingles of the document.</param>
/// <param name="Text">32 bits of the text's hash.</param>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly record struct BucketRecord(ulong Key, uint Row, uint Shingles, uint Text) : IComparable<BucketRecord>
{
    public const int Size = 20;

    /// <summary>Whether this is the document's first band, which equal texts are sure to share.</summary>
    public bool IsFirstBand => (byte)Key == 0;

    public int CompareTo(BucketRecord other) => Key != other.Key ? Key.CompareTo(other.Key) : Row.CompareTo(other.Row);
}
