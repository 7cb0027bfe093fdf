using System.Buffers;
using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>The three character classes that split patterns speak of: <c>\p{L}</c>, <c>\p{N}</c> and <c>\s</c>; everything else is
/// <see cref="Other"/>.</summary>
internal static class CharClass
{
    public const byte Other = 0,
        Letter = 1,
        Number = 2,
        Space = 3;

    private static readonly byte[] Bmp = Classify();

    /// <summary>Class of the character that starts at <paramref name="i"/> of valid UTF-8, and its length in bytes.</summary>
    public static byte At(ReadOnlySpan<byte> s, int i, out int size)
    {
        int c = Utf8Bytes.CodePoint(s, i, out size);
        return c < Bmp.Length ? Bmp[c] : Classify(c);
    }

    /// <summary>First position at or after <paramref name="i"/> whose character is not of class <paramref name="kind"/>.</summary>
    public static int EndOfRun(ReadOnlySpan<byte> s, int i, byte kind)
    {
        while (i < s.Length && At(s, i, out int size) == kind)
        {
            i += size;
        }
        return i;
    }

    /// <summary>Where the white space before <paramref name="end"/> begins.</summary>
    public static int StartOfSpace(ReadOnlySpan<byte> s, int end)
    {
        while (
            end > 0
            && Rune.DecodeLastFromUtf8(s[..end], out Rune rune, out int size) == OperationStatus.Done
            && Classify(rune.Value) == Space
        )
        {
            end -= size;
        }
        return end;
    }

    public static byte Classify(int codePoint) =>
        CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            <= UnicodeCategory.OtherLetter => Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => Space,
            _ => codePoint is (>= 9 and <= 13) or 0x85 ? Space : Other,
        };

    /// <summary>What regular expressions call <c>\w</c>: letters, marks, decimal and letter numbers, connectors, joiners.</summary>
    public static bool IsWord(int codePoint) =>
        CharUnicodeInfo.GetUnicodeCategory(codePoint) is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation
        || codePoint is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9);

    private static byte[] Classify()
    {
        byte[] classes = new byte[0x10000];
        for (int c = 0; c < classes.Length; c++)
        {
            classes[c] = Classify(c);
        }
        return classes;
    }
}
