namespace Inkstone.Text;

/// <summary>FNV-1a over every token's id, length and bytes and over the merges by rank, so that shards can tell which vocabulary made
/// them.</summary>
internal static class VocabularyFingerprint
{
    private const ulong Prime = 0x100000001B3;

    public static ulong Compute(
        IReadOnlyList<string?> tokens,
        TokenDecoder decoder,
        IReadOnlyList<(int Left, int Right, int Merged)> merges
    )
    {
        ulong hash = 0xCBF29CE484222325;
        for (int id = 0; id < tokens.Count; id++)
        {
            if (tokens[id] != null)
            {
                ReadOnlySpan<byte> bytes = decoder.Bytes(id);
                hash = Number(Number(hash, id), bytes.Length);
                foreach (byte b in bytes)
                {
                    hash = (hash ^ b) * Prime;
                }
            }
        }
        foreach ((int left, int right, int merged) in merges)
        {
            hash = Number(Number(Number(hash, left), right), merged);
        }
        return hash;
    }

    private static ulong Number(ulong hash, int number)
    {
        for (int shift = 0; shift < 32; shift += 8)
        {
            hash = (hash ^ (byte)(number >> shift)) * Prime;
        }
        return hash;
    }
}
