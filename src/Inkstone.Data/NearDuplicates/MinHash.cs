using System.IO.Hashing;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>
/// MinHash signatures cut into bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4). Two documents of
/// similarity s share
/// one of b bands of r values with probability 1 - (1 - s^r)^b.
/// </summary>
/// <remarks>
/// As candidates are compared exactly, bands only have to lose nothing: r is the largest for which <see cref="MostHashes"/> values miss at
/// most
/// <see cref="Missed"/> of the pairs right at the threshold. At 0.8 that is 38 bands of 8; a pair of 0.85 is missed once in 80,000.
/// </remarks>
internal sealed class MinHash
{
    private const int MostHashes = 320;
    private const double Missed = 0.001;
    private const int SketchBits = 128;
    private readonly uint[] _factors,
        _summands;

    public MinHash(double threshold)
    {
        for (int rows = 1; rows <= MostHashes && BandsFor(threshold, rows) is int bands && bands * rows <= MostHashes; rows++)
        {
            (Bands, Rows) = (bands, rows);
        }
        // Whole groups of four vectors, so that a group's minima stay in registers.
        int group = 4 * Vector<uint>.Count,
            length = (Math.Max(SketchBits, Bands * Rows) + group - 1) / group * group;
        (_factors, _summands) = (new uint[length], new uint[length]);
        double differ = (1 - threshold) / 2;
        MostDifferent = (int)(SketchBits * differ + 5 * Math.Sqrt(SketchBits * differ * (1 - differ)) + 1);
        ulong state = 20;
        for (int i = 0; i < length; i++)
        {
            (_factors[i], _summands[i]) = (Next(ref state) | 1, Next(ref state));
        }
    }

    /// <summary>Bands of a signature; at most 255.</summary>
    public int Bands { get; private set; }

    /// <summary>Values of a band.</summary>
    public int Rows { get; private set; }

    /// <summary>Room that <see cref="BandKeys"/> needs for a signature.</summary>
    public int Length => _factors.Length;

    /// <summary>Bits in which sketches of a near pair may differ: five standard deviations above the mean at the threshold, which one pair
    /// in a million exceeds.</summary>
    public int MostDifferent { get; }

    /// <summary>Writes the key of each band: 56 bits of its values' hash, then its number.</summary>
    /// <param name="hashes">the shingles, at least one</param>
    /// <param name="signature">scratch of <see cref="Length"/></param>
    /// <param name="keys">room for <see cref="Bands"/> keys</param>
    public void BandKeys(ReadOnlySpan<ulong> hashes, Span<uint> signature, Span<ulong> keys)
    {
        int lanes = Vector<uint>.Count;
        for (int i = 0; i < _factors.Length; i += 4 * lanes)
        {
            Vector<uint> a0 = new(_factors, i),
                a1 = new(_factors, i + lanes),
                a2 = new(_factors, i + 2 * lanes),
                a3 = new(_factors, i + 3 * lanes);
            Vector<uint> b0 = new(_summands, i),
                b1 = new(_summands, i + lanes),
                b2 = new(_summands, i + 2 * lanes),
                b3 = new(_summands, i + 3 * lanes);
            Vector<uint> m0 = Vector<uint>.AllBitsSet,
                m1 = m0,
                m2 = m0,
                m3 = m0;
            foreach (ulong hash in hashes)
            {
                Vector<uint> h = new((uint)(hash >> 32));
                m0 = Vector.Min(m0, h * a0 + b0);
                m1 = Vector.Min(m1, h * a1 + b1);
                m2 = Vector.Min(m2, h * a2 + b2);
                m3 = Vector.Min(m3, h * a3 + b3);
            }
            m0.CopyTo(signature[i..]);
            m1.CopyTo(signature[(i + lanes)..]);
            m2.CopyTo(signature[(i + 2 * lanes)..]);
            m3.CopyTo(signature[(i + 3 * lanes)..]);
        }
        for (int band = 0; band < Bands; band++)
        {
            keys[band] = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(signature.Slice(band * Rows, Rows))) << 8 | (uint)band;
        }
    }

    /// <summary>One bit of each of 128 minima (b-bit minwise hashing, Li and König 2010): between two documents of similarity s each bit
    /// differs with probability (1 - s) / 2.</summary>
    public static UInt128 Sketch(ReadOnlySpan<uint> signature)
    {
        UInt128 bits = 0;
        for (int i = 0; i < SketchBits; i++)
        {
            bits = bits << 1 | (uint)(BitOperations.PopCount(signature[(int)((long)i * signature.Length / SketchBits)]) & 1);
        }
        return bits;
    }

    /// <summary>The fewest bands b with (1 - threshold^rows)^b at most <see cref="Missed"/>.</summary>
    private static int BandsFor(double threshold, int rows)
    {
        double shared = Math.Pow(threshold, rows);
        return shared >= 1 ? 1 : (int)Math.Min(MostHashes + 1, Math.Ceiling(Math.Log(Missed) / Math.Log(1 - shared)));
    }

    private static uint Next(ref ulong state)
    {
        ulong x = state += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return (uint)(x >> 32);
    }
}
