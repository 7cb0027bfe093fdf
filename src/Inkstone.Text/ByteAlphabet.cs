namespace Inkstone.Text;

/// <summary>
/// GPT-2's reversible map between the 256 bytes and 256 printable characters, in which byte-level vocabularies are written:
/// printable Latin-1 stands for itself, the other 68 bytes take U+0100 onwards in order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Chars = Build();
    private static readonly short[] Bytes = Invert();

    /// <summary>All bytes in the order of their characters, which is the order of the initial alphabet in a trained vocabulary.</summary>
    public static byte[] InCharacterOrder { get; } = [.. Enumerable.Range(0, 256).Select(b => (byte)b).OrderBy(b => Chars[b])];

    public static char ToChar(byte b) => Chars[b];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int ToByte(char c) => c < Bytes.Length ? Bytes[c] : -1;

    public static string ToText(ReadOnlySpan<byte> bytes) =>
        string.Create(
            bytes.Length,
            bytes,
            static (text, source) =>
            {
                for (int i = 0; i < text.Length; i++)
                {
                    text[i] = Chars[source[i]];
                }
            }
        );

    /// <summary>The bytes that a text of the alphabet stands for, or null when a character is not of the alphabet.</summary>
    public static byte[]? ToBytes(string text)
    {
        byte[] bytes = new byte[text.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            int b = ToByte(text[i]);
            if (b < 0)
            {
                return null;
            }
            bytes[i] = (byte)b;
        }
        return bytes;
    }

    private static char[] Build()
    {
        char[] chars = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            chars[b] = (char)(b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? b : next++);
        }
        return chars;
    }

    private static short[] Invert()
    {
        short[] bytes = new short[324];
        Array.Fill(bytes, (short)-1);
        for (int b = 0; b < 256; b++)
        {
            bytes[Chars[b]] = (short)b;
        }
        return bytes;
    }
}
