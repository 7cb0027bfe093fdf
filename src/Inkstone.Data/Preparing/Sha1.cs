using System.Buffers.Binary;
using System.Numerics;

namespace Inkstone.Data;

/// <summary>
/// SHA-1 (FIPS 180-4, section 6.1) for a split that has to be MicroLM's, not for secrets. The runtime's own needs OpenSSL's library, and a program that is
/// compiled ahead ends where that is missing.
/// </summary>
internal static class Sha1
{
    private const int BlockSize = 64;

    /// <summary>The first 8 bytes of the hash as a big-endian number.</summary>
    public static ulong First8Bytes(ReadOnlySpan<byte> text)
    {
        Span<uint> state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0];
        Span<uint> words = stackalloc uint[80];
        ReadOnlySpan<byte> rest = text;
        for (; rest.Length >= BlockSize; rest = rest[BlockSize..]) Compress(rest, state, words);

        // A one bit, zeros, and the length in bits fill the last block, or two.
        Span<byte> last = stackalloc byte[2 * BlockSize];
        last.Clear();
        rest.CopyTo(last);
        last[rest.Length] = 0x80;
        last = last[..(rest.Length + 9 <= BlockSize ? BlockSize : 2 * BlockSize)];
        BinaryPrimitives.WriteInt64BigEndian(last[^8..], 8L * text.Length);
        for (; last.Length > 0; last = last[BlockSize..]) Compress(last, state, words);
        return (ulong)state[0] << 32 | state[1];
    }

    private static void Compress(ReadOnlySpan<byte> block, Span<uint> state, Span<uint> w)
    {
        for (int t = 0; t < 16; t++) w[t] = BinaryPrimitives.ReadUInt32BigEndian(block[(4 * t)..]);
        for (int t = 16; t < 80; t++) w[t] = BitOperations.RotateLeft(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        (uint a, uint b, uint c, uint d, uint e) = (state[0], state[1], state[2], state[3], state[4]);
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
        (state[0], state[1], state[2], state[3], state[4]) = (state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e);
    }
}
