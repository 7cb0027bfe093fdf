using System.Runtime.CompilerServices;

namespace Inkstone.Text;

/// <summary>Characters of valid UTF-8.</summary>
internal static class Utf8Bytes
{
    /// <summary>The character that begins at <paramref name="i"/>, and its length in bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CodePoint(ReadOnlySpan<byte> s, int i, out int size)
    {
        int b = s[i];
        if (b < 0x80)
        {
            size = 1;
            return b;
        }
        if (b < 0xE0)
        {
            size = 2;
            return ((b & 0x1F) << 6) | (s[i + 1] & 0x3F);
        }
        if (b < 0xF0)
        {
            size = 3;
            return OfThree(s, i);
        }
        size = 4;
        return ((b & 0x07) << 18) | ((s[i + 1] & 0x3F) << 12) | ((s[i + 2] & 0x3F) << 6) | (s[i + 3] & 0x3F);
    }

    /// <summary>The character of three bytes that begins at <paramref name="i"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int OfThree(ReadOnlySpan<byte> s, int i) => ((s[i] & 0x0F) << 12) | ((s[i + 1] & 0x3F) << 6) | (s[i + 2] & 0x3F);
}
