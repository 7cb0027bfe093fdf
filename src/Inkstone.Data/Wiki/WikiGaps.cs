using System.Text;

namespace Inkstone.Data;

/// <summary>Closes the gaps that left-out markup leaves in a line: brackets that hold nothing any more, marks at their border, doubled
/// blanks.</summary>
internal static class WikiGaps
{
    private const string Opening = "(（[［【〔《「『“",
        Closing = ")）]］】〕》」』”",
        Separators = "，,、；;：:/／·。 \t";

    public static string Close(string line)
    {
        if (line.Contains(Markup.Void, StringComparison.Ordinal))
        {
            line = Brackets(line);
        }
        bool isClean = !line.AsSpan().ContainsAny('\t', '\u00A0', Markup.Void) && !line.Contains("  ", StringComparison.Ordinal);
        if (isClean)
        {
            return line;
        }
        StringBuilder output = new(line.Length);
        foreach (char each in line)
        {
            char c = each is '\t' or '\u00A0' ? ' ' : each;
            if (c == Markup.Void || c == ' ' && output is [.., ' '])
            {
                continue;
            }
            output.Append(c);
        }
        return output.ToString();
    }

    /// <summary>Goes from each gap outwards: over blanks and marks, which go if brackets stand on both sides, or on the side of the
    /// gap.</summary>
    private static string Brackets(string line)
    {
        StringBuilder text = new(line);
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] != Markup.Void)
            {
                continue;
            }
            (int start, int end) = (at, at + 1);
            while (start > 0 && IsGap(text[start - 1]))
            {
                start--;
            }
            while (end < text.Length && IsGap(text[end]))
            {
                end++;
            }
            bool opens = start > 0 && Opening.Contains(text[start - 1]),
                closes = end < text.Length && Closing.Contains(text[end]);
            if (opens && closes && Opening.IndexOf(text[start - 1]) == Closing.IndexOf(text[end]))
            {
                text.Remove(start - 1, end - start + 2).Insert(start - 1, Markup.Void);
                at = start - 2;
            }
            else if (opens || closes)
            {
                // （VOID，1990年） and （1990年，VOID）: the mark between has nothing left to part.
                text.Remove(start, end - start);
                at = start - 1;
            }
            else
            {
                at = end - 1;
            }
        }
        return text.ToString();
    }

    private static bool IsGap(char c) => c == Markup.Void || Separators.Contains(c);
}
