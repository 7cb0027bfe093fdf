using System.Globalization;
using System.Text;
using AngleSharp.Html;

namespace Inkstone.Data;

/// <summary>Character references such as &amp;mdash; and &amp;#8212;, decoded once. What they spell is text and never markup.</summary>
internal static class Entities
{
    private const int Longest = 40;

    /// <summary>The text with references decoded and guarded; unknown ones stay as they are.</summary>
    public static string DecodeGuarded(string text)
    {
        int at = text.IndexOf('&', StringComparison.Ordinal);
        if (at < 0)
        {
            return text;
        }
        StringBuilder output = new(text.Length);
        int copied = 0;
        for (; at >= 0; at = text.IndexOf('&', at))
        {
            if (Decode(text.AsSpan(at), out int length) is not { } meant)
            {
                at++;
                continue;
            }
            output.Append(text, copied, at - copied).AppendGuarded(meant);
            copied = at += length;
        }
        return output.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>What the reference at the beginning of a text spells, or null where there is none.</summary>
    private static string? Decode(ReadOnlySpan<char> text, out int length)
    {
        int end = text[..Math.Min(text.Length, Longest)].IndexOf(';');
        length = end + 1;
        if (end < 2)
        {
            return null;
        }
        ReadOnlySpan<char> name = text[1..end];
        string? meant =
            name[0] == '#' ? Number(name[1..])
            : char.IsAsciiLetter(name[0]) ? HtmlEntityProvider.Resolver.GetSymbol(text[1..length].ToString())
            : null;
        return meant is [var c] && char.IsWhiteSpace(c) && c is not ('\n' or '\u3000') ? " " : meant;
    }

    private static string? Number(ReadOnlySpan<char> digits)
    {
        bool isHex = digits is ['x' or 'X', ..];
        return
            int.TryParse(
                isHex ? digits[1..] : digits,
                isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int code
            )
            && Rune.IsValid(code)
            && (code >= 0x20 || code is '\t' or '\n')
            && code is not (>= 0x7F and < 0xA0)
            && (code & 0xFFFE) != 0xFFFE
            && code is not (>= 0xFDD0 and <= 0xFDEF)
            ? new Rune(code).ToString()
            : null;
    }
}
