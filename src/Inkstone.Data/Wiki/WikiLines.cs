using System.Buffers;
using System.Globalization;
using System.Text;

namespace Inkstone.Data;

/// <summary>
/// The last step: lines of wikitext become lines of text. Headings stand alone and go with a section that holds nothing; list items get
/// their sign or number and two
/// blanks for each level above the first; blank lines part paragraphs.
/// </summary>
internal sealed class WikiLines
{
    private static readonly SearchValues<char> Nothing = SearchValues.Create([
        ' ',
        '\t',
        '\r',
        '\u00A0',
        Markup.Void,
        Markup.KeepBegin,
        Markup.KeepEnd,
        Markup.Break,
    ]);

    private readonly StringBuilder _text = new();
    private readonly List<(int Level, string Text)> _headings = []; // not written yet
    private readonly List<int> _numbers = [];
    private string _prefix = "";
    private bool _parted,
        _begun;

    private WikiLines() { }

    /// <summary>The text of a page, its signs for kept text and guarded characters still in it.</summary>
    public static StringBuilder Read(string wikitext)
    {
        WikiLines lines = new();
        foreach (Range range in wikitext.AsSpan().Split('\n'))
        {
            lines.Line(wikitext[range]);
        }
        return lines._text;
    }

    private void Line(string line)
    {
        int first = 0;
        while (first < line.Length && Markup.IsInvisible(line[first]))
        {
            first++;
        }
        if (line.AsSpan(first).IndexOfAnyExcept(Nothing) < 0)
        {
            _parted |= line.AsSpan().Trim().IsEmpty;
            EndList();
            Marks(line);
            return;
        }
        switch (line[first])
        {
            case '=' when Heading(line, first):
                EndList();
                break;
            case '*' or '#' or ':' or ';':
                Item(line, first);
                break;
            default:
                EndList();
                Paragraph(line, first);
                break;
        }
    }

    private void Paragraph(string line, int first)
    {
        if (line.AsSpan(first).StartsWith("----"))
        {
            _parted = true;
            line = line[..first] + line[first..].TrimStart('-');
        }
        else if (first == 0 && line[0] == ' ')
        {
            // Preformatted: it loses its first blank and keeps the others.
            int blanks = line.AsSpan().IndexOfAnyExcept(' ');
            Write(Markup.Guard(new string(' ', blanks - 1)) + line[blanks..], "");
            return;
        }
        Write(line, "");
    }

    /// <summary>The smaller number of signs on both sides makes the level, what is more is text.</summary>
    private bool Heading(string line, int first)
    {
        string trimmed = line.TrimEnd([' ', '\t', '\r', Markup.Void, Markup.KeepEnd, Markup.Break]);
        ReadOnlySpan<char> all = trimmed.AsSpan(first);
        int left = all.IndexOfAnyExcept('='),
            right = all.Length - 1 - all.LastIndexOfAnyExcept('=');
        if (left < 0)
        {
            left = right = (all.Length - 1) / 2;
        }
        int level = Math.Min(6, Math.Min(left, right));
        if (level == 0 || all.Length <= 2 * level)
        {
            return false;
        }
        string text = Inline(all[level..^level].ToString()).Replace(Markup.Break, ' ').Trim();
        _headings.RemoveAll(h => h.Level >= level);
        if (text.Length > 0)
        {
            _headings.Add((level, text));
        }
        return true;
    }

    private void Item(string line, int first)
    {
        int end = first;
        while (end < line.Length && line[end] is '*' or '#' or ':' or ';')
        {
            end++;
        }
        string prefix = line[first..end],
            open = line[..first],
            content = line[end..];
        int colon = prefix[^1] == ';' ? DefinitionAt(content) : -1;
        if (colon >= 0)
        {
            Entry(prefix, open + content[..colon]);
            Entry(prefix[..^1] + ':', content[(colon + 1)..]);
        }
        else
        {
            Entry(prefix, open + content);
        }
    }

    /// <summary>Where a term's definition begins on the same line: at a colon that belongs to no address.</summary>
    private static int DefinitionAt(string content)
    {
        int colon = content.IndexOf(':', StringComparison.Ordinal);
        while (colon >= 0 && content.AsSpan(colon + 1).StartsWith("//"))
        {
            colon = content.IndexOf(':', colon + 1);
        }
        return colon;
    }

    private void Entry(string prefix, string content)
    {
        string text = Inline(content);
        if (text.AsSpan().IndexOfAnyExcept(Nothing) < 0)
        {
            Marks(text);
            return;
        }
        int level = prefix.Length - 1,
            common = 0;
        while (common < Math.Min(prefix.Length, _prefix.Length) && Kind(prefix[common]) == Kind(_prefix[common]))
        {
            common++;
        }
        _numbers.RemoveRange(common, _numbers.Count - common);
        while (_numbers.Count < prefix.Length)
        {
            _numbers.Add(0);
        }
        _numbers[level]++;
        _prefix = prefix;
        string indent = new(' ', 2 * level);
        string sign = prefix[^1] switch
        {
            '*' => "- ",
            '#' => string.Create(CultureInfo.InvariantCulture, $"{_numbers[level]}. "),
            _ => "",
        };
        WriteInline(text, indent, sign);
    }

    private static char Kind(char marker) => marker == ';' ? ':' : marker;

    private void EndList()
    {
        _prefix = "";
        _numbers.Clear();
    }

    /// <summary>A line without its marks, with character references read and gaps closed.</summary>
    private static string Inline(string line) => WikiGaps.Close(Entities.DecodeGuarded(WikiQuotes.Remove(line)));

    private void Write(string line, string indent) => WriteInline(Inline(line), indent, "");

    private void WriteInline(string text, string indent, string sign)
    {
        foreach (Range range in text.AsSpan().Split(Markup.Break))
        {
            ReadOnlySpan<char> part = text.AsSpan()[range].Trim(" \t\r");
            if (part.IndexOfAnyExcept(Nothing) < 0)
            {
                _text.Append(part.Trim());
                continue;
            }
            WriteHeadings();
            NewLine();
            _text.AppendGuarded(indent).AppendGuarded(sign).Append(part);
            sign = "";
        }
    }

    private void WriteHeadings()
    {
        foreach ((_, string heading) in _headings)
        {
            _parted = true;
            NewLine();
            _text.Append(heading);
        }
        if (_headings.Count > 0)
        {
            _parted = false;
        }
        _headings.Clear();
    }

    private void NewLine()
    {
        if (_begun)
        {
            _text.Append(_parted ? "\n\n" : "\n");
        }
        (_begun, _parted) = (true, false);
    }

    /// <summary>Signs of kept text on a line that shows nothing: the other one of the pair may stand elsewhere.</summary>
    private void Marks(string line)
    {
        foreach (char c in line)
        {
            if (c is Markup.KeepBegin or Markup.KeepEnd)
            {
                _text.Append(c);
            }
        }
    }
}
