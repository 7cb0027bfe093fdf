using System.Text;

namespace Inkstone.Data;

/// <summary>Writing systems that are told apart.</summary>
internal enum Script
{
    /// <summary>No letter, or one of a script that is not listed.</summary>
    Other,

    /// <summary>Latin.</summary>
    Latin,

    /// <summary>Han, Chinese characters.</summary>
    Han,

    /// <summary>Hiragana and katakana.</summary>
    Kana,

    /// <summary>Hangul.</summary>
    Hangul,

    /// <summary>Cyrillic.</summary>
    Cyrillic,

    /// <summary>Greek.</summary>
    Greek,

    /// <summary>Arabic.</summary>
    Arabic,

    /// <summary>Hebrew.</summary>
    Hebrew,

    /// <summary>Devanagari.</summary>
    Devanagari,

    /// <summary>Thai, Lao, Burmese or Khmer, which write without blanks between words.</summary>
    SoutheastAsian,
}

/// <summary>Scripts of characters, by the blocks of Unicode 16 that hold nearly all of their letters.</summary>
internal static class Scripts
{
    /// <summary>The script of a letter; <see cref="Script.Other"/> for anything else.</summary>
    public static Script Classify(Rune rune) =>
        rune.Value switch
        {
            < 0x80 => (rune.Value | 0x20) is >= 'a' and <= 'z' ? Script.Latin : Script.Other,
            (>= 0xC0 and <= 0x24F and not 0xD7 and not 0xF7)
            or (>= 0x1E00 and <= 0x1EFF)
            or (>= 0xFF21 and <= 0xFF3A)
            or (>= 0xFF41 and <= 0xFF5A) => Script.Latin,
            >= 0x370 and <= 0x3FF => Script.Greek,
            >= 0x400 and <= 0x52F => Script.Cyrillic,
            >= 0x590 and <= 0x5FF => Script.Hebrew,
            (>= 0x600 and <= 0x6FF and not 0x60C and not 0x61B and not 0x61F) or (>= 0x750 and <= 0x77F) => Script.Arabic,
            >= 0x900 and <= 0x97F => Script.Devanagari,
            (>= 0xE00 and <= 0xEFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF) => Script.SoutheastAsian,
            (>= 0x3041 and <= 0x3096) or (>= 0x30A1 and <= 0x30FA) or (>= 0x31F0 and <= 0x31FF) or (>= 0xFF66 and <= 0xFF9D) => Script.Kana,
            (>= 0xAC00 and <= 0xD7AF) or (>= 0x1100 and <= 0x11FF) => Script.Hangul,
            _ => IsHan(rune.Value) ? Script.Han : Script.Other,
        };

    /// <summary>Whether a code point is a Chinese character: CJK unified ideographs with their extensions, and compatibility
    /// ideographs.</summary>
    public static bool IsHan(int c) =>
        c is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);

    /// <summary>Whether a text holds a letter of a script that writes without blanks between words.</summary>
    public static bool HasUnspacedLetter(ReadOnlySpan<char> text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value >= 0xE00 && Classify(rune) is Script.Han or Script.Kana or Script.SoutheastAsian)
            {
                return true;
            }
        }
        return false;
    }
}
