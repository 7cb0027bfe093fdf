namespace Inkstone.Nn;

/// <summary>FNV-1a, 64 bits: string hash codes of .NET differ from run to run.</summary>
public static class StableHash
{
    private const ulong Start = 0xCBF29CE484222325,
        Prime = 0x100000001B3;

    /// <summary>Of a text, by its UTF-16 units.</summary>
    public static ulong Compute(string name)
    {
        ulong hash = Start;
        foreach (char c in name)
        {
            hash = (hash ^ c) * Prime;
        }
        return hash;
    }

    /// <summary>Of bytes.</summary>
    public static ulong Compute(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Start;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * Prime;
        }
        return hash;
    }
}
