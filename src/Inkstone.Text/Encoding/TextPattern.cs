using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Text;

/// <summary>A pattern of tokenizer.json: a text, or a regular expression.</summary>
internal abstract class TextPattern
{
    /// <summary>Matches from left to right, as byte offsets into valid UTF-8.</summary>
    public abstract List<(int Start, int End)> Matches(ReadOnlySpan<byte> text);

    /// <summary>The text with every match replaced; the same text when there is none.</summary>
    public ReadOnlySpan<byte> Replace(ReadOnlySpan<byte> text, byte[] content)
    {
        List<(int Start, int End)> matches = text.IsEmpty ? [] : Matches(text);
        if (matches.Count == 0)
        {
            return text;
        }
        MemoryStream made = new(text.Length + (matches.Count * content.Length));
        int at = 0;
        foreach ((int start, int end) in matches)
        {
            made.Write(text[at..start]);
            made.Write(content);
            at = end;
        }
        made.Write(text[at..]);
        return made.ToArray();
    }
}

/// <summary>One text.</summary>
internal sealed class LiteralPattern(string text) : TextPattern
{
    private readonly byte[] _text = Encoding.UTF8.GetBytes(text);

    /// <summary>The text itself.</summary>
    public string Text => text;

    public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
    {
        List<(int, int)> matches = new();
        for (int at = 0; text[at..].IndexOf(_text) is >= 0 and int found && _text.Length > 0; )
        {
            matches.Add((at + found, at + found + _text.Length));
            at += found + _text.Length;
        }
        return matches;
    }
}

/// <summary>A regular expression in Oniguruma's syntax, run by .NET.</summary>
internal sealed class RegexPattern : TextPattern
{
    private readonly Regex _regex;
    private readonly StandIns _characters;

    /// <exception cref="ArgumentException">The expression uses what is not supported.</exception>
    public RegexPattern(string pattern)
    {
        (string translated, _characters) = OnigurumaPattern.Translate(pattern);
        // Oniguruma's ^ and $ are at every line.
        _regex = new Regex(translated, RegexOptions.CultureInvariant | RegexOptions.Compiled | RegexOptions.Multiline);
    }

    public override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
    {
        char[] characters = new char[text.Length];
        int[] offsets = new int[text.Length + 1];
        int length = 0;
        for (int i = 0; i < text.Length; )
        {
            Rune.DecodeFromUtf8(text[i..], out Rune rune, out int size);
            characters[length] = rune.Value < 0x80 ? (char)rune.Value : _characters.Substitute(rune);
            offsets[length++] = i;
            i += size;
        }
        offsets[length] = text.Length;
        List<(int, int)> matches = new();
        int last = -1;
        foreach (ValueMatch match in _regex.EnumerateMatches(characters.AsSpan(0, length)))
        {
            // An empty match right behind another is none.
            if (match.Length > 0 || match.Index != last)
            {
                matches.Add((offsets[match.Index], offsets[match.Index + match.Length]));
            }
            last = match.Index + match.Length;
        }
        return matches;
    }
}
