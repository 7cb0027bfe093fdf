using Inkstone.Training;

namespace Inkstone.Cli.Tests;

/// <summary>What is printed on a terminal, measured in its cells.</summary>
public sealed class ConsoleTests
{
    private static readonly StepMetrics Step = new(123_456, 1_000_000, 2.34567, 1.2341, 1e-3, 0.75, 1 << 20, 0.1, 12_345, 0.66, 3L << 30);

    [Theory]
    [InlineData("abc", 3)]
    [InlineData("春眠", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("👩‍👩‍👧", 2)]
    [InlineData("❤️", 2)]
    [InlineData("ｱ，", 3)]
    public void Cells_count_what_a_terminal_shows(string text, int cells) => Cells.Count(text).ShouldBe(cells);

    [Theory]
    [InlineData(20)]
    [InlineData(59)]
    [InlineData(79)]
    [InlineData(119)]
    [InlineData(200)]
    public void A_live_line_fits_its_terminal(int width)
    {
        string line = Format.LiveLine(Step, 12_345, 7_384, width);
        Cells.Count(line).ShouldBeLessThanOrEqualTo(width);
        line.ShouldContain("123456/1000000");
        if (width >= 59)
        {
            line.ShouldContain("loss 2.3457");
            line.ShouldContain("2 h 03 min left");
        }
        if (width == 200)
        {
            line.ShouldBe(
                "[==..................]  123456/1000000  loss 2.3457  1.234 bits/byte  lr 1.00e-3  |g| 0.75  12,345 tok/s  66 % of roof  3.0 GiB  2 h 03 min left"
            );
        }
    }

    [Theory]
    [InlineData("a sentence that is wider than its terminal", 10)]
    [InlineData("春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。", 11)]
    [InlineData("  indented  figures   set apart and 中文 between words", 13)]
    public void Wrapped_text_fits_and_loses_only_blanks_at_line_ends(string text, int width)
    {
        string[] lines = Cells.Wrap(text, width).Split('\n');
        lines.Length.ShouldBeGreaterThan(1);
        lines.ShouldAllBe(line => Cells.Count(line) <= width);
        string.Concat(lines).Replace(" ", "").ShouldBe(text.Replace(" ", ""));
        lines.ShouldAllBe(line => !line.EndsWith(' '));
    }

    [Fact]
    public void A_word_that_no_line_holds_stays_whole() =>
        Cells.Wrap("saved /a/very/long/path/to/a/checkpoint now", 12).ShouldBe("saved\n/a/very/long/path/to/a/checkpoint\nnow");

    [Fact]
    public void What_is_printed_never_meets_the_live_line()
    {
        StringWriter raw = new();
        Terminal terminal = new(raw, () => 41);
        Screen screen = new();
        terminal.Show("[==........]  1/5  loss 3");
        terminal.WriteLine("valid at step 1: loss 3.0000 and some more words than fit");
        terminal.Show("[====......]  2/5  loss 2, wider than the terminal can show it");
        terminal.Write("no line end yet ");
        terminal.Show("[======....]  3/5  loss 1");
        terminal.Write("but now\n");
        screen.Play(raw.ToString());
        screen.Lines.ShouldBe([
            "valid at step 1: loss 3.0000 and some",
            "more words than fit",
            "no line end yet but now",
            "[======....]  3/5  loss 1",
        ]);
        terminal.Show("");
        terminal.WriteLine("done");
        screen = new Screen();
        screen.Play(raw.ToString());
        screen.Lines.ShouldBe(["valid at step 1: loss 3.0000 and some", "more words than fit", "no line end yet but now", "done", ""]);
        screen.Widest.ShouldBeLessThanOrEqualTo(40);
    }

    [Fact]
    public void A_loss_curve_falls_from_left_to_right()
    {
        RunMetrics metrics = new(
            [.. Enumerable.Range(1, 400).Select(i => (i, 1 + 6 * Math.Exp(-i / 80.0)))],
            [(200, 1.5, null), (400, 1.1, 0.4)],
            1000
        );
        string[] lines = LossCurve.Draw(metrics, 60).TrimEnd('\n').Split('\n');
        lines.ShouldAllBe(line => Cells.Count(line) <= 60);
        int[] lefts =
        [
            .. lines
                .Take(12)
                .Select(line => line[9..].IndexOfAny([.. Enumerable.Range(0x2801, 255).Select(c => (char)c)]))
                .Where(i => i >= 0),
        ];
        lefts.ShouldBe(lefts.Order());
        lefts[0].ShouldBe(0);
        lines[11].ShouldContain('o');
        lines[12].ShouldStartWith("         step 1 ");
        lines[12].ShouldEndWith(" 400");
        LossCurve.Draw(metrics with { Steps = [] }, 60).ShouldBeEmpty();
    }

    [Fact]
    public void Commands_that_are_printed_name_the_program_as_it_can_be_called()
    {
        string root = Directory.CreateTempSubdirectory("ink-name-").FullName;
        try
        {
            string built = Path.Combine(root, "artifacts", "bin", "Inkstone.Cli", "release"),
                tools = Path.Combine(root, "tools dir");
            Directory.CreateDirectory(built);
            Directory.CreateDirectory(tools);
            string script = Path.Combine(root, OperatingSystem.IsWindows() ? "ink.cmd" : "ink"),
                tool = Path.Combine(tools, "ink");
            File.WriteAllText(script, "");
            File.WriteAllText(tool, "");
            ProgramName.Find(Path.Combine(built, "ink"), built, "/nowhere", root).ShouldBe(Path.Combine(".", Path.GetFileName(script)));
            ProgramName.Find(Path.Combine(built, "ink"), built, "/nowhere", tools).ShouldBe(script);
            ProgramName.Find(tool, tools, "/nowhere" + Path.PathSeparator + tools, root).ShouldBe("ink");
            ProgramName.Find(tool, tools, "/nowhere", built).ShouldBe($"\"{tool}\"");
            ProgramName.Find("/usr/bin/dotnet", built, "/usr/bin", built).ShouldBe("dotnet " + Path.Combine(".", "ink.dll"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>As much of a terminal as the live line uses: line feeds, carriage returns, and erasing to the end of the line.</summary>
    private sealed class Screen
    {
        public List<string> Lines { get; } = [""];

        public int Widest { get; private set; }

        public void Play(string output)
        {
            for (int i = 0; i < output.Length; i++)
            {
                switch (output[i])
                {
                    case '\n':
                        Lines.Add("");
                        break;
                    case '\r' when output.AsSpan(i + 1).StartsWith("\e[K"):
                        Lines[^1] = "";
                        i += 3;
                        break;
                    default:
                        Lines[^1] += output[i];
                        Widest = Math.Max(Widest, Cells.Count(Lines[^1]));
                        break;
                }
            }
        }
    }
}
