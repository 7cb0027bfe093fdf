using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>What becomes of the matches of a split pattern.</summary>
internal enum SplitBehavior
{
    Isolated,
    Removed,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>A known pattern by its scanner: its words cover the text.</summary>
internal sealed class ScannerStep(WordScanner scanner) : SplitStep
{
    public WordScanner Scanner { get; } = scanner;

    public override void Split(Piece piece, List<Piece> pieces)
    {
        ReadOnlySpan<byte> text = piece.Text.Span;
        for (int i = 0; i < text.Length; )
        {
            int end = Scanner.Next(text, i);
            pieces.Add(new(piece.Text[i..end], i == 0 ? piece.Place : PiecePlace.Inside));
            i = end;
        }
    }
}

/// <summary>Any step defined by which parts of the text match.</summary>
internal abstract class MatchStep(SplitBehavior behavior, bool invert) : SplitStep
{
    public override void Split(Piece piece, List<Piece> pieces)
    {
        bool previousMatch = false;
        List<(int Start, int End)> cuts = new();
        foreach ((int start, int end, bool match) in Parts(piece.Text.Span))
        {
            if (behavior == SplitBehavior.Removed && match)
            {
                continue;
            }
            bool join = behavior switch
            {
                SplitBehavior.MergedWithPrevious => match && !previousMatch,
                SplitBehavior.MergedWithNext => !match && previousMatch,
                SplitBehavior.Contiguous => match == previousMatch,
                _ => false,
            };
            if (join && cuts.Count > 0)
            {
                cuts[^1] = (cuts[^1].Start, end);
            }
            else
            {
                cuts.Add((start, end));
            }
            previousMatch = match;
        }
        foreach ((int start, int end) in cuts)
        {
            if (end > start)
            {
                pieces.Add(new(piece.Text[start..end], start == 0 ? piece.Place : PiecePlace.Inside));
            }
        }
    }

    /// <summary>Matches from left to right, as byte offsets.</summary>
    protected abstract List<(int Start, int End)> Matches(ReadOnlySpan<byte> text);

    /// <summary>Single characters that fulfil a condition.</summary>
    protected static List<(int Start, int End)> Characters(ReadOnlySpan<byte> text, Func<Rune, bool> condition)
    {
        List<(int, int)> matches = new();
        for (int i = 0; i < text.Length; )
        {
            Rune.DecodeFromUtf8(text[i..], out Rune rune, out int size);
            if (condition(rune))
            {
                matches.Add((i, i + size));
            }
            i += size;
        }
        return matches;
    }

    private List<(int Start, int End, bool Match)> Parts(ReadOnlySpan<byte> text)
    {
        List<(int Start, int End, bool Match)> parts = new();
        int at = 0;
        foreach ((int start, int end) in Matches(text))
        {
            if (start > at)
            {
                parts.Add((at, start, invert));
            }
            parts.Add((start, end, !invert));
            at = end;
        }
        if (at < text.Length)
        {
            parts.Add((at, text.Length, invert));
        }
        return parts;
    }
}

/// <summary>Split: a pattern that has no scanner.</summary>
internal sealed class PatternStep(TextPattern pattern, SplitBehavior behavior, bool invert) : MatchStep(behavior, invert)
{
    protected override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text) => pattern.Matches(text);
}

/// <summary>Single characters that fulfil a condition: Digits, Punctuation, WhitespaceSplit, CharDelimiterSplit.</summary>
internal sealed class CharacterStep(Func<Rune, bool> condition, SplitBehavior behavior) : MatchStep(behavior, false)
{
    public static bool IsNumber(Rune c) => CharClass.Classify(c.Value) == CharClass.Number;

    public static bool IsSpace(Rune c) => CharClass.Classify(c.Value) == CharClass.Space;

    /// <summary>Punctuation of Unicode, and every printable character of ASCII that is neither letter nor digit.</summary>
    public static bool IsPunctuation(Rune c) =>
        c.IsAscii
            ? char.IsAsciiLetterOrDigit((char)c.Value) is false && c.Value is > ' ' and < 0x7F
            : Rune.GetUnicodeCategory(c) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    protected override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text) => Characters(text, condition);
}

/// <summary>Whitespace: <c>\w+|[^\w\s]+</c>, and what lies between is dropped.</summary>
internal sealed class WordStep() : MatchStep(SplitBehavior.Removed, invert: true)
{
    protected override List<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
    {
        List<(int Start, int End)> matches = new();
        int previous = -1;
        for (int i = 0; i < text.Length; )
        {
            Rune.DecodeFromUtf8(text[i..], out Rune rune, out int size);
            int kind =
                CharClass.IsWord(rune.Value) ? 1
                : CharClass.Classify(rune.Value) == CharClass.Space ? -1
                : 0;
            if (kind >= 0 && kind == previous)
            {
                matches[^1] = (matches[^1].Start, i + size);
            }
            else if (kind >= 0)
            {
                matches.Add((i, i + size));
            }
            previous = kind;
            i += size;
        }
        return matches;
    }
}
