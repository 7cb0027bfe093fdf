using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Cli.Tests;

/// <summary>The line editor on a small terminal: what it returns, and what stands on the screen.</summary>
public sealed partial class LineEditorTests
{
    [Theory]
    [InlineData("abc<Left><Left>X", "aXbc")]
    [InlineData("你好吗<Backspace><Left>们", "你们好")]
    [InlineData("e\u0301x<Left><Backspace>y", "yx")]
    [InlineData("👩‍👩‍👧家<Left><Left><Delete>我", "我家")]
    [InlineData("one two  three<^W><^W>2", "one 2")]
    [InlineData("one two<Home>0<End>3", "0one two3")]
    [InlineData("one two<^A>x<^E>y<^A><Right><^K>", "x")]
    [InlineData("one two<Left><Left><^U>", "wo")]
    [InlineData("one two three<WordLeft><WordLeft>X<WordRight>Y", "one XtwoY three")]
    [InlineData("typed<^C>anew", "anew")]
    [InlineData("a<AltEnter>b", "a\nb")]
    [InlineData("say: <Paste:一\r\n\t二>!", "say: 一\n    二!")]
    [InlineData("一行<AltEnter>二行<Home>X<^U>Y", "一行\nY二行")]
    [InlineData("<^C>not left", "not left")]
    public void Keys_edit_the_message(string typed, string message) =>
        new LineEditor(TextWriter.Null, new Typed(typed + "<Enter>"), () => (40, 10)).Read("> ").ShouldBe(message);

    [Theory]
    [InlineData("<^D>")]
    [InlineData("<^C><^C>")]
    [InlineData("x<^C><^C><^C>")]
    [InlineData("")]
    public void Leaving_gives_nothing(string typed) =>
        new LineEditor(TextWriter.Null, new Typed(typed), () => (40, 10)).Read("> ").ShouldBeNull();

    [Fact]
    public void Earlier_messages_come_back_and_the_draft_is_kept()
    {
        Typed keys = new("first<Enter>second<Enter>second<Enter>dra<Up><Up><Down><Down>ft<Enter><Up><Up><Up> again<Enter>");
        LineEditor editor = new(TextWriter.Null, keys, () => (40, 10));
        string?[] read = [.. Enumerable.Range(0, 5).Select(_ => editor.Read("> "))];
        read.ShouldBe(["first", "second", "second", "draft", "first again"]);
    }

    [Theory]
    [InlineData(12, "春眠不觉晓处处闻啼鸟", "> 春眠不觉\n晓处处闻啼\n鸟", 2, 2)]
    [InlineData(12, "春眠不觉晓处处闻啼鸟<Home><Right><Right>", "> 春眠不觉\n晓处处闻啼\n鸟", 0, 6)]
    [InlineData(12, "a春眠不觉晓<Backspace><Backspace>", "> a春眠不", 0, 9)]
    [InlineData(40, "一<AltEnter>two<Up>", "> 一\n  two", 1, 5)]
    public void Wide_characters_wrap_and_the_cursor_stands_where_it_should(int columns, string typed, string rows, int row, int column)
    {
        Screen screen = new();
        new LineEditor(screen, new Typed(typed), () => (columns, 10)).Read("> ");
        Screen before = screen.BeforeTheEnd!;
        string.Join('\n', before.Rows.Select(r => r.TrimEnd())).TrimEnd().ShouldBe(rows);
        (before.Row, before.Column).ShouldBe((row, column));
        before.Rows.ShouldAllBe(r => Cells.Count(r) < columns);
    }

    [Fact]
    public void A_text_taller_than_the_screen_shows_the_rows_around_the_cursor()
    {
        Screen screen = new();
        new LineEditor(screen, new Typed("<Paste:1\n2\n3\n4\n5\n6\n7>"), () => (40, 4)).Read("> ");
        string.Join(',', screen.BeforeTheEnd!.Rows.Select(r => r.Trim())).ShouldBe("5,6,7");
    }

    /// <summary>Keys written as text: letters, and names in angle brackets.</summary>
    private sealed partial class Typed : IKeys
    {
        private readonly Queue<Key> _keys = new();

        public Typed(string keys)
        {
            foreach (Match match in Name().Matches(keys))
            {
                foreach (
                    Key key in match.Groups[1].Success
                        ? [Named(match.Groups[1].Value)]
                        : match.Value.EnumerateRunes().Select(r => new Key(Text: r.ToString()))
                )
                {
                    _keys.Enqueue(key);
                }
            }
        }

        public bool Waiting => false;

        public Key? Read() => _keys.TryDequeue(out Key key) ? key : null;

        private static Key Named(string name) =>
            name switch
            {
                "Left" => new(ConsoleKey.LeftArrow),
                "Right" => new(ConsoleKey.RightArrow),
                "Up" => new(ConsoleKey.UpArrow),
                "Down" => new(ConsoleKey.DownArrow),
                "WordLeft" => new(ConsoleKey.LeftArrow, Word: true),
                "WordRight" => new(ConsoleKey.RightArrow, Word: true),
                "AltEnter" => new(ConsoleKey.Enter, Alt: true),
                _ when name[0] == '^' => new(Control: name[1]),
                _ when name.StartsWith("Paste:", StringComparison.Ordinal) => new(Pasted: name[6..]),
                _ => new(Enum.Parse<ConsoleKey>(name)),
            };

        [GeneratedRegex("<([^>]+)>|[^<]+")]
        private static partial Regex Name();
    }

    /// <summary>As much of a terminal as the editor uses; it remembers how it looked before the last drawing, which ends the
    /// message.</summary>
    private sealed class Screen : TextWriter
    {
        private Screen? _last;

        public List<string> Rows { get; private init; } = [""];

        public int Row { get; private set; }

        public int Column { get; private set; }

        public Screen? BeforeTheEnd { get; private set; }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(string? value)
        {
            (BeforeTheEnd, _last) = (value == "\n" ? BeforeTheEnd : _last, value == "\n" ? _last : null);
            foreach (Match part in Part().Matches(value!))
            {
                string text = part.Value;
                int count = part.Groups[1].Success && part.Groups[1].Length > 0 ? int.Parse(part.Groups[1].Value) : 1;
                switch (part.Groups[2].Value)
                {
                    case "A":
                        Row -= count;
                        break;
                    case "C":
                        Column += count;
                        break;
                    case "J":
                        Rows.RemoveRange(Row + 1, Rows.Count - Row - 1);
                        Rows[Row] = "";
                        break;
                    default:
                        if (text == "\r")
                        {
                            Column = 0;
                        }
                        else if (text == "\n")
                        {
                            (Row, Column) = (Row + 1, 0);
                            if (Row == Rows.Count)
                            {
                                Rows.Add("");
                            }
                        }
                        else
                        {
                            Rows[Row] += text;
                            Column += Cells.Count(text);
                        }
                        break;
                }
            }
            if (value != "\n")
            {
                _last = new Screen
                {
                    Rows = [.. Rows],
                    Row = Row,
                    Column = Column,
                };
            }
        }
    }

    [GeneratedRegex("\e\\[(\\d*)([A-Z])|[\r\n]|[^\r\n\e]+")]
    private static partial Regex Part();
}
