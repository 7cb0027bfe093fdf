using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace Inkstone.Data;

/// <summary>Cuts texts into hashed shingles; one instance serves one thread, and its result lasts until the next call.</summary>
internal sealed class Shingler(ShingleKind kind)
{
    /// <summary>Characters or words of a shingle.</summary>
    public const int Size = 5;

    private ulong[] _parts = new ulong[256];
    private ulong[] _hashes = new ulong[256];

    /// <summary>Hashes of the shingles, repeated as in the text; none of an empty text, one of a text with fewer than <see cref="Size"/>
    /// parts.</summary>
    public ReadOnlySpan<ulong> Hash(ReadOnlySpan<char> text)
    {
        bool words = kind == ShingleKind.Words || kind == ShingleKind.Auto && !Scripts.HasUnspacedLetter(text);
        int count = words ? Words(text) : Characters(text);
        if (count == 0)
        {
            return [];
        }

        int shingles = Math.Max(1, count - Size + 1),
            size = Math.Min(Size, count);
        if (_hashes.Length < shingles)
        {
            _hashes = new ulong[2 * shingles];
        }
        // Characters and words never meet, nor do shingles of different sizes.
        ulong seed = (ulong)size + (words ? 16UL : 0);
        for (int i = 0; i < shingles; i++)
        {
            ulong hash = seed;
            foreach (ulong part in _parts.AsSpan(i, size))
            {
                hash = Mix(hash ^ part);
            }
            _hashes[i] = hash;
        }
        return _hashes.AsSpan(0, shingles);
    }

    private int Characters(ReadOnlySpan<char> text)
    {
        if (_parts.Length < text.Length)
        {
            _parts = new ulong[2 * text.Length];
        }
        int count = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            _parts[count++] = ((ulong)rune.Value + 1) << 32;
        }
        return count;
    }

    private int Words(ReadOnlySpan<char> text)
    {
        int count = 0;
        for (int start = 0; start < text.Length; )
        {
            int end = start;
            while (end < text.Length && !EnglishWords.IsBlank(text[end]))
            {
                end++;
            }
            if (end > start)
            {
                if (_parts.Length == count)
                {
                    Array.Resize(ref _parts, 2 * count);
                }
                _parts[count++] = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text[start..end]));
            }
            start = end + 1;
        }
        return count;
    }

    /// <summary>SplitMix64's finaliser (Steele, Lea and Flood 2014): a bijection of 64 bits.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
