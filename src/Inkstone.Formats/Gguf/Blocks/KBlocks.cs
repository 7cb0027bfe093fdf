namespace Inkstone.Formats;

/// <summary>Blocks of 256 whose parts of 16 or 32 have quantised scales of their own (llama.cpp pull request 1684).</summary>
internal static class KBlocks
{
    private const int Elements = 256;

    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        int size = type.BlockBytes();
        for (; target.Length > 0; source = source[size..], target = target[Elements..])
        {
            ReadOnlySpan<byte> block = source[..size];
            Span<float> y = target[..Elements];
            switch (type)
            {
                case GgufType.Q2_K:
                    Two(block, y);
                    break;
                case GgufType.Q3_K:
                    Three(block, y);
                    break;
                case GgufType.Q4_K:
                    FourOrFive(block, default, block[16..], y);
                    break;
                case GgufType.Q5_K:
                    FourOrFive(block, block.Slice(16, 32), block[48..], y);
                    break;
                case GgufType.Q6_K:
                    Six(block, y);
                    break;
                default:
                    throw new ArgumentException($"{type} is no type of this family", nameof(type));
            }
        }
    }

    /// <summary>scales[16] (scale, minimum in half bytes), q[64], d, dmin. x = d·s·q − dmin·m for parts of 16.</summary>
    private static void Two(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = BlockCodec.Half(block[80..]),
            min = BlockCodec.Half(block[82..]);
        for (int i = 0; i < Elements; i++)
        {
            byte scale = block[i / 16];
            float dl = d * (scale & 15),
                ml = min * (scale >> 4);
            y[i] = dl * Pair(block[16..], i) - ml;
        }
    }

    /// <summary>hmask[32], q[64], scales[12] of 6 bits, d. The third bit is set where nothing is to be subtracted.</summary>
    private static void Three(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = BlockCodec.Half(block[108..]);
        ReadOnlySpan<byte> scales = block.Slice(96, 12);
        for (int i = 0; i < Elements; i++)
        {
            int part = i / 16;
            int low = (scales[part % 8] >> (4 * (part / 8))) & 15,
                high = (scales[8 + part % 4] >> (2 * (part / 4))) & 3;
            float dl = d * ((low | high << 4) - 32);
            bool third = ((block[i % 32] >> (i / 32)) & 1) != 0;
            y[i] = dl * (Pair(block[32..], i) - (third ? 0 : 4));
        }
    }

    /// <summary>d, dmin, eight scales and minima of 6 bits in 12 bytes, the fifth bits (Q5_K), q[128]. x = d·s·q − dmin·m for parts of
    /// 32.</summary>
    private static void FourOrFive(ReadOnlySpan<byte> block, ReadOnlySpan<byte> fifth, ReadOnlySpan<byte> quants, Span<float> y)
    {
        float d = BlockCodec.Half(block),
            min = BlockCodec.Half(block[2..]);
        for (int part = 0; part < 8; part++)
        {
            (int scale, int least) = SixBits(block.Slice(4, 12), part);
            float dl = d * scale,
                ml = min * least;
            for (int j = 0; j < 32; j++)
            {
                int q = (quants[32 * (part / 2) + j] >> (4 * (part % 2))) & 15;
                if (!fifth.IsEmpty)
                {
                    q |= ((fifth[j] >> part) & 1) << 4;
                }
                y[32 * part + j] = dl * q - ml;
            }
        }
    }

    /// <summary>Parts 0-3 lie in the lower six bits; of parts 4-7 four bits lie in the last bytes and two above the first ones.</summary>
    private static (int Scale, int Least) SixBits(ReadOnlySpan<byte> s, int part) =>
        part < 4
            ? (s[part] & 63, s[part + 4] & 63)
            : ((s[part + 4] & 15) | (s[part - 4] >> 6) << 4, s[part + 4] >> 4 | (s[part] >> 6) << 4);

    /// <summary>ql[128], qh[64], scales[16] signed, d. x = d·s·(q − 32) for parts of 16.</summary>
    private static void Six(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = BlockCodec.Half(block[208..]);
        for (int i = 0; i < Elements; i++)
        {
            int half = i / 128,
                j = i % 128;
            int low = (block[64 * half + j % 64] >> (4 * (j / 64))) & 15,
                high = (block[128 + 32 * half + j % 32] >> (2 * (j / 32))) & 3;
            float dl = d * (sbyte)block[192 + i / 16];
            y[i] = dl * ((low | high << 4) - 32);
        }
    }

    /// <summary>Element i of 2-bit values: each 128 take 32 bytes, whose bit pairs hold the four quarters.</summary>
    internal static int Pair(ReadOnlySpan<byte> q, int i) => (q[32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32))) & 3;
}
