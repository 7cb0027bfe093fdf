namespace Inkstone.Formats;

/// <summary>Blocks of 256 numbers −1, 0 and 1 with one scale: TQ1_0 with five in a byte (llama.cpp pull request 8151), TQ2_0 with
/// four.</summary>
internal static class TernaryBlocks
{
    private const int Elements = 256;

    private static ReadOnlySpan<byte> PowersOfThree => [1, 3, 9, 27, 81];

    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        int size = type.BlockBytes();
        for (; target.Length > 0; source = source[size..], target = target[Elements..])
        {
            ReadOnlySpan<byte> block = source[..size];
            float d = BlockCodec.Half(block[(size - 2)..]);
            if (type == GgufType.TQ1_0)
            {
                Fives(block[..32], 5, d, target);
                Fives(block.Slice(32, 16), 5, d, target[160..]);
                Fives(block.Slice(48, 4), 4, d, target[240..]);
            }
            else
            {
                for (int i = 0; i < Elements; i++)
                {
                    target[i] = d * (KBlocks.Pair(block, i) - 1);
                }
            }
        }
    }

    /// <summary>A byte is a fraction of 256 in base three: its digit n is the whole part of 3 · (byte · 3ⁿ mod 256) / 256.</summary>
    private static void Fives(ReadOnlySpan<byte> bytes, int digits, float d, Span<float> target)
    {
        for (int n = 0; n < digits; n++)
        {
            for (int j = 0; j < bytes.Length; j++)
            {
                byte rest = unchecked((byte)(bytes[j] * PowersOfThree[n]));
                target[n * bytes.Length + j] = d * ((rest * 3 >> 8) - 1);
            }
        }
    }
}
