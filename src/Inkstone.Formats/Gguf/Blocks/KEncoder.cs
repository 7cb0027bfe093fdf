using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace Inkstone.Formats;

/// <summary>
/// Rounds to K-blocks, the layouts of <see cref="KBlocks"/>: each part of 256 gets the scale that fits it best (<see cref="KFit"/>), the
/// scales are rounded to
/// multiples of the block's, and the elements are then rounded to the levels that are really in the file.
/// </summary>
internal static class KEncoder
{
    private const int Elements = 256;

    public static void Encode(GgufType type, ReadOnlySpan<float> source, Span<byte> target)
    {
        int size = type.BlockBytes();
        Span<byte> q = stackalloc byte[Elements];
        for (; source.Length > 0; source = source[Elements..], target = target[size..])
        {
            ReadOnlySpan<float> x = source[..Elements];
            Span<byte> block = target[..size];
            block.Clear();
            switch (type)
            {
                case GgufType.Q2_K:
                    Two(x, block, q);
                    break;
                case GgufType.Q3_K:
                    Three(x, block, q);
                    break;
                case GgufType.Q4_K:
                    FourOrFive(x, block, default, block[16..], 15, q);
                    break;
                case GgufType.Q5_K:
                    FourOrFive(x, block, block.Slice(16, 32), block[48..], 31, q);
                    break;
                case GgufType.Q6_K:
                    Six(x, block, q);
                    break;
                default:
                    throw new ArgumentException($"{type} is no type of this family", nameof(type));
            }
        }
    }

    private static void Two(ReadOnlySpan<float> x, Span<byte> block, Span<byte> q)
    {
        Span<int> scales = stackalloc int[16],
            minima = stackalloc int[16];
        Affine(x, 3, 15, scales, minima, block[80..], q);
        for (int part = 0; part < 16; part++)
        {
            block[part] = (byte)(scales[part] | minima[part] << 4);
        }
        Pairs(q, block[16..]);
    }

    private static void Three(ReadOnlySpan<float> x, Span<byte> block, Span<byte> q)
    {
        Span<int> scales = stackalloc int[16];
        Symmetric(x, 4, 32, scales, block[108..], q);
        for (int part = 0; part < 16; part++)
        {
            int six = scales[part] + 32;
            block[96 + part % 8] |= (byte)((six & 15) << (4 * (part / 8)));
            block[104 + part % 4] |= (byte)((six >> 4) << (2 * (part / 4)));
        }
        for (int i = 0; i < Elements; i++)
        {
            block[i % 32] |= (byte)((q[i] >> 2) << (i / 32));
        }
        Pairs(q, block[32..]);
    }

    private static void FourOrFive(ReadOnlySpan<float> x, Span<byte> block, Span<byte> fifth, Span<byte> quants, int levels, Span<byte> q)
    {
        Span<int> scales = stackalloc int[8],
            minima = stackalloc int[8];
        Affine(x, levels, 63, scales, minima, block, q);
        Span<byte> six = block.Slice(4, 12);
        for (int part = 0; part < 4; part++)
        {
            six[part] = (byte)(scales[part] | scales[part + 4] >> 4 << 6);
            six[part + 4] = (byte)(minima[part] | minima[part + 4] >> 4 << 6);
            six[part + 8] = (byte)((scales[part + 4] & 15) | (minima[part + 4] & 15) << 4);
        }
        for (int i = 0; i < Elements; i++)
        {
            int part = i / 32,
                j = i % 32;
            quants[32 * (part / 2) + j] |= (byte)((q[i] & 15) << (4 * (part % 2)));
            if (!fifth.IsEmpty)
            {
                fifth[j] |= (byte)((q[i] >> 4) << part);
            }
        }
    }

    private static void Six(ReadOnlySpan<float> x, Span<byte> block, Span<byte> q)
    {
        Span<int> scales = stackalloc int[16];
        Symmetric(x, 32, 128, scales, block[208..], q);
        for (int part = 0; part < 16; part++)
        {
            block[192 + part] = (byte)(sbyte)scales[part];
        }
        for (int i = 0; i < Elements; i++)
        {
            int half = i / 128,
                j = i % 128;
            block[64 * half + j % 64] |= (byte)((q[i] & 15) << (4 * (j / 64)));
            block[128 + 32 * half + j % 32] |= (byte)((q[i] >> 4) << (2 * (j / 32)));
        }
    }

    /// <summary>Scales and minima up to <paramref name="most"/>, as many as the spans hold, their units as halves, and q from 0 to
    /// <paramref name="levels"/>.</summary>
    private static void Affine(
        ReadOnlySpan<float> x,
        int levels,
        int most,
        Span<int> scales,
        Span<int> minima,
        Span<byte> units,
        Span<byte> q
    )
    {
        int parts = scales.Length,
            size = Elements / parts;
        Span<float> wanted = stackalloc float[parts],
            below = stackalloc float[parts];
        (float highest, float deepest) = (0, 0);
        for (int part = 0; part < parts; part++)
        {
            (wanted[part], below[part]) = KFit.Affine(x.Slice(size * part, size), levels);
            (highest, deepest) = (MathF.Max(highest, wanted[part]), MathF.Max(deepest, below[part]));
        }
        float d = Unit(units, highest / most),
            unit = Unit(units[2..], deepest / most);
        for (int part = 0; part < parts; part++)
        {
            (scales[part], minima[part]) = (Multiple(wanted[part], d, 0, most), Multiple(below[part], unit, 0, most));
            Quantise(x.Slice(size * part, size), d * scales[part], unit * minima[part], 0, levels, q[(size * part)..]);
        }
    }

    /// <summary>Sixteen scales from −<paramref name="most"/> to <paramref name="most"/> − 1, their unit as a half, and q +
    /// <paramref name="levels"/>, which is not below 0.</summary>
    private static void Symmetric(ReadOnlySpan<float> x, int levels, int most, Span<int> scales, Span<byte> unit, Span<byte> q)
    {
        int size = Elements / scales.Length;
        Span<float> wanted = stackalloc float[scales.Length];
        float farthest = 0;
        for (int part = 0; part < scales.Length; part++)
        {
            wanted[part] = KFit.Symmetric(x.Slice(size * part, size), levels);
            farthest = MathF.Abs(wanted[part]) > MathF.Abs(farthest) ? wanted[part] : farthest;
        }
        // The side with one more number takes the largest scale.
        float d = Unit(unit, farthest / -most);
        for (int part = 0; part < scales.Length; part++)
        {
            scales[part] = Multiple(wanted[part], d, -most, most - 1);
            Quantise(x.Slice(size * part, size), d * scales[part], 0, -levels, levels - 1, q[(size * part)..]);
        }
    }

    /// <summary>Stores a number in half precision and gives back what was stored.</summary>
    private static float Unit(Span<byte> target, float value)
    {
        BinaryPrimitives.WriteHalfLittleEndian(target, (Half)value);
        return BlockCodec.Half(target);
    }

    private static int Multiple(float value, float unit, int low, int high) =>
        unit == 0 ? 0 : (int)Math.Clamp(MathF.Round(value / unit), low, high);

    /// <summary>q − <paramref name="low"/> for q = round((x + least) / scale).</summary>
    private static void Quantise(ReadOnlySpan<float> x, float scale, float least, int low, int high, Span<byte> q)
    {
        float inverse = float.IsFinite(1 / scale) ? 1 / scale : 0;
        Span<float> rounded = stackalloc float[Vector512<float>.Count];
        for (int at = 0; at < x.Length; at += rounded.Length)
        {
            KFit.Round((Vector512.Create(x[at..]) + Vector512.Create(least)) * inverse, low, high).CopyTo(rounded);
            for (int i = 0; i < rounded.Length; i++)
            {
                q[at + i] = (byte)((int)rounded[i] - low);
            }
        }
    }

    /// <summary>The lower two bits, as <see cref="KBlocks.Pair"/> reads them.</summary>
    private static void Pairs(ReadOnlySpan<byte> q, Span<byte> target)
    {
        for (int i = 0; i < Elements; i++)
        {
            target[32 * (i / 128) + i % 32] |= (byte)((q[i] & 3) << (2 * (i % 128 / 32)));
        }
    }
}
