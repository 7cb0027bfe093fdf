using System.Buffers.Binary;
using System.Numerics;

namespace Inkstone.Files;

/// <summary>SHA-1 (FIPS 180-4, section 6.1), 20 bytes.</summary>
public sealed class Sha1() : BlockHash([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0])
{
    /// <summary>The first 8 bytes of a text's hash as a big-endian number.</summary>
    public static ulong First8Bytes(ReadOnlySpan<byte> text)
    {
        Sha1 hash = new();
        hash.Append(text);
        return BinaryPrimitives.ReadUInt64BigEndian(hash.Finish());
    }

    private protected override void Compress(ReadOnlySpan<byte> blocks)
    {
        Span<uint> w = stackalloc uint[80];
        (uint s0, uint s1, uint s2, uint s3, uint s4) = (State[0], State[1], State[2], State[3], State[4]);
        for (; blocks.Length > 0; blocks = blocks[64..])
        {
            for (int t = 0; t < 16; t++)
            {
                w[t] = BinaryPrimitives.ReadUInt32BigEndian(blocks[(4 * t)..]);
            }
            for (int t = 16; t < 80; t++)
            {
                w[t] = BitOperations.RotateLeft(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
            }
            (uint a, uint b, uint c, uint d, uint e) = (s0, s1, s2, s3, s4);
            for (int t = 0; t < 80; t++)
            {
                (uint f, uint k) = t switch
                {
                    < 20 => ((b & c) | (~b & d), 0x5A827999u),
                    < 40 => (b ^ c ^ d, 0x6ED9EBA1u),
                    < 60 => ((b & c) | (b & d) | (c & d), 0x8F1BBCDCu),
                    _ => (b ^ c ^ d, 0xCA62C1D6u),
                };
                (a, b, c, d, e) = (BitOperations.RotateLeft(a, 5) + f + e + k + w[t], a, BitOperations.RotateLeft(b, 30), c, d);
            }
            (s0, s1, s2, s3, s4) = (s0 + a, s1 + b, s2 + c, s3 + d, s4 + e);
        }
        (State[0], State[1], State[2], State[3], State[4]) = (s0, s1, s2, s3, s4);
    }
}
