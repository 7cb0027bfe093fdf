using System.Buffers;

namespace Inkstone.Data;

/// <summary>
/// Finds comments, tags with their content, and braces in one pass over a page, as MediaWiki's preprocessor does (Preprocessor_Hash): what
/// is not closed is text. It is
/// kinder in one point: a [[ that is not closed does not keep the template around it from ending.
/// </summary>
internal sealed class WikiStructure
{
    private static readonly SearchValues<char> Outside = SearchValues.Create("<{-"),
        Inside = SearchValues.Create("<{}-|[]");

    private readonly string _text;
    private readonly Stack<Piece> _open = new();
    private readonly HashSet<string> _neverClosed = [];
    private readonly Piece _page = new('\0', 0, 0);

    private WikiStructure(string text) => _text = text;

    /// <summary>Something opened: { run of braces, [ two brackets, - variant.</summary>
    private sealed class Piece(char kind, int start, int count)
    {
        public char Kind { get; } = kind;
        public int Start { get; } = start;
        public int Count { get; set; } = count;
        public int ContentStart => Start + Count;
        public List<WikiNode> Children { get; set; } = [];
        public List<int> Bars { get; set; } = [];
    }

    /// <summary>The parts of a text, in order.</summary>
    public static IReadOnlyList<WikiNode> Parse(string text)
    {
        if (text.AsSpan().IndexOfAny('<', '{') < 0)
        {
            return [];
        }
        WikiStructure structure = new(text);
        structure.Run();
        return structure._page.Children;
    }

    private Piece Top => _open.TryPeek(out Piece? piece) ? piece : _page;

    private void Run()
    {
        for (int i = 0; ; )
        {
            int step = _text.AsSpan(i).IndexOfAny(_open.Count > 0 ? Inside : Outside);
            if (step < 0)
            {
                break;
            }
            i += step;
            i = _text[i] switch
            {
                '<' => Angle(i),
                '{' => Braces(i),
                '}' => Close(i),
                '-' => Dash(i),
                '|' => Bar(i),
                '[' => Brackets(i),
                _ => CloseBrackets(i),
            };
        }
        while (_open.Count > 0)
        {
            BreakTop(keepBars: false);
        }
    }

    private int Bar(int i)
    {
        Top.Bars.Add(i);
        return i + 1;
    }

    private int Brackets(int i)
    {
        if (!At(i + 1, '['))
        {
            return i + 1;
        }
        _open.Push(new Piece('[', i, 2));
        return i + 2;
    }

    private int CloseBrackets(int i)
    {
        if (!At(i + 1, ']'))
        {
            return i + 1;
        }
        if (Top.Kind == '[')
        {
            BreakTop(keepBars: false);
        }
        return i + 2;
    }

    private int Dash(int i)
    {
        int count = At(i + 1, '{') ? Count(i + 1, '{') : 0;
        if (count % 2 == 0)
        {
            return i + 1; // -{{…}}- is a template between dashes
        }
        _open.Push(new Piece('-', i, 2));
        return i + 2;
    }

    private int Braces(int i)
    {
        int count = Count(i, '{');
        if (count >= 2)
        {
            _open.Push(new Piece('{', i, count));
        }
        return i + count;
    }

    private int Close(int i)
    {
        if (Top.Kind == '-' && At(i + 1, '-'))
        {
            Piece variant = _open.Pop();
            Top.Children.Add(Node(WikiNodeKind.Variant, variant, variant.Start, i, i + 2));
            return i + 2;
        }
        int count = Count(i, '}');
        if (count < 2)
        {
            return i + 1;
        }
        if (Top.Kind != '{' && _open.Any(p => p.Kind == '{') && (Top.Kind == '[' || _text.IndexOf("}-", i, StringComparison.Ordinal) < 0))
        {
            BreakToBraces();
        }
        if (Top.Kind != '{')
        {
            return i + 1;
        }
        Piece piece = Top;
        int matching = Math.Min(Math.Min(count, piece.Count), 3);
        WikiNode node = Node(
            matching == 3 ? WikiNodeKind.Parameter : WikiNodeKind.Template,
            piece,
            piece.ContentStart - matching,
            i,
            i + matching
        );
        piece.Count -= matching;
        if (piece.Count >= 2)
        {
            (piece.Children, piece.Bars) = ([node], []);
        }
        else
        {
            _open.Pop();
            Top.Children.Add(node);
        }
        return i + matching;
    }

    private void BreakToBraces()
    {
        while (Top.Kind != '{')
        {
            BreakTop(keepBars: true);
        }
    }

    private static WikiNode Node(WikiNodeKind kind, Piece piece, int start, int contentEnd, int end) =>
        new(kind, start, end, piece.ContentStart, contentEnd) { Bars = piece.Bars, Children = piece.Children };

    /// <summary>Takes the innermost piece for text and gives what is in it to the piece around it.</summary>
    private void BreakTop(bool keepBars)
    {
        Piece piece = _open.Pop();
        Top.Children.AddRange(piece.Children);
        if (keepBars)
        {
            Top.Bars.AddRange(piece.Bars);
        }
    }

    private int Angle(int i)
    {
        ReadOnlySpan<char> rest = _text.AsSpan(i);
        if (rest.StartsWith("<!--"))
        {
            return Comment(i);
        }
        if (
            WikiTags.Parse(rest, out bool isClosing, out int nameEnd, out int length) is not { } name
            || isClosing
            || !WikiTags.IsAtomic(name)
        )
        {
            return i + 1;
        }
        int contentStart = i + length;
        TextSpan attributes = new(i + nameEnd, contentStart - 1);
        if (rest[length - 2] == '/')
        {
            Top.Children.Add(
                new WikiNode(WikiNodeKind.Tag, i, contentStart, contentStart, contentStart) { Name = name, Attributes = attributes }
            );
            return contentStart;
        }
        (int contentEnd, int end) = Closing(name, contentStart);
        if (end < 0 && name == "includeonly")
        {
            (contentEnd, end) = (_text.Length, _text.Length); // it alone runs to the end
        }
        if (end < 0)
        {
            return contentStart; // text without its tag
        }
        Top.Children.Add(new WikiNode(WikiNodeKind.Tag, i, end, contentStart, contentEnd) { Name = name, Attributes = attributes });
        return end;
    }

    private (int Start, int End) Closing(string name, int from)
    {
        if (_neverClosed.Contains(name))
        {
            return (-1, -1);
        }
        string closing = "</" + name;
        for (
            int at = _text.IndexOf(closing, from, StringComparison.OrdinalIgnoreCase);
            at >= 0;
            at = _text.IndexOf(closing, at + 1, StringComparison.OrdinalIgnoreCase)
        )
        {
            int end = at + closing.Length;
            while (end < _text.Length && char.IsWhiteSpace(_text[end]))
            {
                end++;
            }
            if (At(end, '>'))
            {
                return (at, end + 1);
            }
        }
        _neverClosed.Add(name);
        return (-1, -1);
    }

    /// <summary>A comment; alone on its line it goes with the line.</summary>
    private int Comment(int i)
    {
        int close = _text.IndexOf("-->", Math.Min(i + 4, _text.Length), StringComparison.Ordinal),
            end = close < 0 ? _text.Length : close + 3;
        int lineStart = i,
            lineEnd = end;
        while (lineStart > 0 && _text[lineStart - 1] is ' ' or '\t')
        {
            lineStart--;
        }
        while (lineEnd < _text.Length && _text[lineEnd] is ' ' or '\t')
        {
            lineEnd++;
        }
        bool isLine =
            (lineStart == 0 || _text[lineStart - 1] == '\n')
            && At(lineEnd, '\n')
            && (Top.Children is not [.., var last] || last.End <= lineStart);
        WikiNode node = isLine ? new(WikiNodeKind.Comment, lineStart, lineEnd + 1, i, end) : new(WikiNodeKind.Comment, i, end, i, end);
        Top.Children.Add(node);
        return node.End;
    }

    private bool At(int i, char c) => i < _text.Length && _text[i] == c;

    private int Count(int i, char c)
    {
        int run = _text.AsSpan(i).IndexOfAnyExcept(c);
        return run < 0 ? _text.Length - i : run;
    }
}
