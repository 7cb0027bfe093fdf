using System.Text;

namespace Inkstone.Data;

/// <summary>
/// Takes the marks of bold and italic text off a line by MediaWiki's rules (Parser::doQuotes): four apostrophes are one and bold, more than
/// five are some and both, and
/// where neither bold nor italic is closed one bold mark was an apostrophe and italic.
/// </summary>
internal static class WikiQuotes
{
    public static string Remove(string line)
    {
        if (!line.Contains("''", StringComparison.Ordinal))
        {
            return line;
        }
        List<(int Start, int Length)> marks = [];
        for (int i = 0; i < line.Length; i++)
        {
            int run = line.AsSpan(i).IndexOfAnyExcept('\'');
            run = run < 0 ? line.Length - i : run;
            if (run >= 2)
            {
                int length = run is 4 ? 3 : Math.Min(run, 5); // what is more stands before the mark as apostrophes
                marks.Add((i + run - length, length));
            }
            i += run;
        }
        int bold = marks.Count(m => m.Length is 3 or 5),
            italic = marks.Count(m => m.Length is 2 or 5);
        if (bold % 2 == 1 && italic % 2 == 1 && Apostrophe(line, marks) is var mistaken and >= 0)
        {
            marks[mistaken] = (marks[mistaken].Start + 1, 2);
        }
        StringBuilder output = new(line.Length);
        int copied = 0;
        foreach ((int start, int length) in marks)
        {
            output.Append(line, copied, start - copied);
            copied = start + length;
        }
        return output.Append(line, copied, line.Length - copied).ToString();
    }

    /// <summary>Which bold mark is an apostrophe and italic: one behind a word of one letter, else behind a longer word, else behind a
    /// blank.</summary>
    private static int Apostrophe(string line, List<(int Start, int Length)> marks)
    {
        (int word, int blank) = (-1, -1);
        for (int i = 0; i < marks.Count; i++)
        {
            (int start, int length) = marks[i];
            int before = i == 0 ? 0 : marks[i - 1].Start + marks[i - 1].Length;
            if (length != 3)
            {
                continue;
            }
            char last = start > before ? line[start - 1] : '\0',
                second = start - 1 > before ? line[start - 2] : '\0';
            if (last == ' ')
            {
                blank = blank < 0 ? i : blank;
            }
            else if (second == ' ')
            {
                return i;
            }
            else
            {
                word = word < 0 ? i : word;
            }
        }
        return word >= 0 ? word : blank;
    }
}
