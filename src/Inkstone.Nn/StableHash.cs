namespace Inkstone.Nn;

/// <summary>FNV-1a, 64 bits: string hash codes of .NET differ from run to run.</summary>
internal static class StableHash
{
    public static ulong Of(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }
        return hash;
    }
}
