using System.Globalization;
using System.Text;
using Wcwidth;

namespace Inkstone.Cli;

/// <summary>Text measured in the cells of a terminal: a Chinese character takes two, a combining mark none.</summary>
internal static class Cells
{
    /// <summary>Cells of what is seen as one character.</summary>
    public static int OfElement(string element)
    {
        int width = 0;
        foreach (Rune rune in element.EnumerateRunes())
        {
            width = Math.Max(width, UnicodeCalculator.GetWidth(rune.Value)); // −1 for control characters
        }
        return element.Contains('\uFE0F', StringComparison.Ordinal) ? 2 : width; // an emoji's picture is wide
    }

    public static int Count(string text) => Elements(text).Sum(OfElement);

    /// <summary>What is seen as one character each.</summary>
    public static IEnumerable<string> Elements(string text)
    {
        for (int i = 0; i < text.Length; )
        {
            int length = StringInfo.GetNextTextElementLength(text, i);
            yield return text.Substring(i, length);
            i += length;
        }
    }

    /// <summary>The text, or its beginning and an ellipsis where it is wider than <paramref name="width"/>.</summary>
    public static string Fit(string text, int width)
    {
        if (Count(text) <= width)
        {
            return text;
        }
        StringBuilder kept = new();
        int used = 1;
        foreach (string element in Elements(text))
        {
            used += OfElement(element);
            if (used > width)
            {
                break;
            }
            kept.Append(element);
        }
        return kept.Append('…').ToString();
    }

    /// <summary>The text with line ends between words, and within a run of Chinese, so that no line is wider; a longer word, a path say,
    /// stays whole.</summary>
    public static string Wrap(string text, int width)
    {
        StringBuilder lines = new();
        foreach (string line in text.Split('\n'))
        {
            (int column, string gap) = (0, "");
            foreach (string piece in Pieces(line))
            {
                if (piece[0] == ' ')
                {
                    gap = piece;
                    continue;
                }
                int cells = Count(piece);
                if (column > 0 && column + gap.Length + cells > width)
                {
                    lines.Append('\n');
                    column = 0;
                }
                else
                {
                    lines.Append(gap);
                    column += gap.Length;
                }
                lines.Append(piece);
                column += cells;
                gap = "";
            }
            lines.Append('\n');
        }
        return lines.ToString(0, lines.Length - 1);
    }

    /// <summary>Blanks, words, and wide characters one by one.</summary>
    private static IEnumerable<string> Pieces(string line)
    {
        StringBuilder piece = new();
        foreach (string element in Elements(line))
        {
            bool blank = element == " ",
                wide = OfElement(element) == 2;
            if (piece.Length > 0 && (wide || blank != (piece[0] == ' ')))
            {
                yield return piece.ToString();
                piece.Clear();
            }
            if (wide)
            {
                yield return element;
            }
            else
            {
                piece.Append(element);
            }
        }
        if (piece.Length > 0)
        {
            yield return piece.ToString();
        }
    }
}
