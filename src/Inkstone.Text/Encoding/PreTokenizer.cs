using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

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

/// <summary>One step that cuts pieces of text into smaller ones.</summary>
internal abstract class SplitStep
{
    /// <summary>Appends the (start, end) of the pieces of <paramref name="text"/>, offsets counted from <paramref name="offset"/>.</summary>
    public abstract void Split(ReadOnlySpan<byte> text, int offset, List<(int Start, int End)> pieces);
}

/// <summary>A known pattern by its scanner: its words cover the text.</summary>
internal sealed class ScannerStep(WordScanner scanner) : SplitStep
{
    public WordScanner Scanner { get; } = scanner;

    public override void Split(ReadOnlySpan<byte> text, int offset, List<(int Start, int End)> pieces)
    {
        for (int i = 0; i < text.Length;)
        {
            int end = Scanner.Next(text, i);
            pieces.Add((offset + i, offset + end));
            i = end;
        }
    }
}

/// <summary>Any step defined by which parts of the text match: a regular expression, a string, digits.</summary>
internal abstract class MatchStep(SplitBehavior behavior, bool invert) : SplitStep
{
    public override void Split(ReadOnlySpan<byte> text, int offset, List<(int Start, int End)> pieces)
    {
        if (text.IsEmpty)
        {
            return;
        }
        var parts = new List<(int Start, int End, bool Match)>();
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
        bool previousMatch = false;
        int first = pieces.Count;
        foreach ((int start, int end, bool match) in parts)
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
            if (join && pieces.Count > first)
            {
                pieces[^1] = (pieces[^1].Start, offset + end);
            }
            else
            {
                pieces.Add((offset + start, offset + end));
            }
            previousMatch = match;
        }
    }

    /// <summary>Matches from left to right, as byte offsets.</summary>
    protected abstract IEnumerable<(int Start, int End)> Matches(ReadOnlySpan<byte> text);
}

/// <summary>A pattern that has no scanner, run by .NET's regular expressions.</summary>
internal sealed class RegexStep(Regex regex, SplitBehavior behavior, bool invert) : MatchStep(behavior, invert)
{
    private static readonly char[] Stand = StandIns();

    /// <summary>Translates a pattern of Oniguruma's to .NET's: possessive quantifiers become atomic groups.</summary>
    public static Regex Compile(string pattern) => new(PossessiveQuantifiers.ToAtomicGroups(pattern), RegexOptions.CultureInvariant | RegexOptions.Compiled);

    protected override IEnumerable<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
    {
        // .NET matches UTF-16 units, to which a letter outside the first plane is no letter: let a character of its category stand in.
        var characters = new char[text.Length];
        var offsets = new int[text.Length + 1];
        int length = 0;
        for (int i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf8(text[i..], out Rune rune, out int size);
            characters[length] = rune.IsBmp ? (char)rune.Value : Stand[(int)Rune.GetUnicodeCategory(rune)];
            offsets[length++] = i;
            i += size;
        }
        offsets[length] = text.Length;
        var matches = new List<(int, int)>();
        foreach (ValueMatch match in regex.EnumerateMatches(characters.AsSpan(0, length)))
        {
            matches.Add((offsets[match.Index], offsets[match.Index + match.Length]));
        }
        return matches;
    }

    private static char[] StandIns()
    {
        var stand = new char[30];
        for (int c = 0xFFFD; c > 0x7F; c--)
        {
            stand[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] = (char)c;
        }
        return stand;
    }
}

/// <summary>Numbers, each digit alone or a run together.</summary>
internal sealed class DigitsStep(bool individual) : MatchStep(individual ? SplitBehavior.Isolated : SplitBehavior.Contiguous, false)
{
    protected override IEnumerable<(int Start, int End)> Matches(ReadOnlySpan<byte> text)
    {
        var matches = new List<(int, int)>();
        for (int i = 0; i < text.Length;)
        {
            int start = i;
            bool number = CharClass.At(text, i, out int size) == CharClass.Number;
            i += size;
            if (number)
            {
                matches.Add((start, i));
            }
        }
        return matches;
    }
}

/// <summary>The split steps of a tokenizer, one behind the other.</summary>
internal sealed class PreTokenizer(IReadOnlyList<SplitStep> steps, bool addPrefixSpace)
{
    /// <summary>The only step, when that is a scanner: then words need not be collected first.</summary>
    public WordScanner? OnlyScanner { get; } = steps.Count == 1 ? (steps[0] as ScannerStep)?.Scanner : null;

    public bool HasSteps => steps.Count > 0;

    /// <summary>A space is put before text that does not begin with one.</summary>
    public bool AddPrefixSpace => addPrefixSpace;

    public List<(int Start, int End)> Split(ReadOnlySpan<byte> text)
    {
        List<(int Start, int End)> pieces = [(0, text.Length)];
        foreach (SplitStep step in steps)
        {
            var smaller = new List<(int Start, int End)>(pieces.Count * 2);
            foreach ((int start, int end) in pieces)
            {
                step.Split(text[start..end], start, smaller);
            }
            pieces = smaller;
        }
        return pieces;
    }
}
