using System.Globalization;
using System.Text.RegularExpressions;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Numbers as people read them.</summary>
internal static partial class Format
{
    /// <summary>A text with its numbers as everywhere, and one of a thing in the singular.</summary>
    public static string Text(FormattableString text) => OneOfMany().Replace(text.ToString(CultureInfo.InvariantCulture), "$1");

    public static string Bytes(double bytes) =>
        bytes switch
        {
            >= 1L << 30 => Text($"{bytes / (1L << 30):0.0} GiB"),
            >= 1 << 20 => Text($"{bytes / (1 << 20):0.0} MiB"),
            >= 1 << 10 => Text($"{bytes / (1 << 10):0.0} KiB"),
            _ => Text($"{bytes:0} bytes"),
        };

    public static string Count(double count) =>
        count switch
        {
            >= 1e9 => Text($"{count / 1e9:0.00}B"),
            >= 1e6 => Text($"{count / 1e6:0.00}M"),
            >= 1e4 => Text($"{count / 1e3:0.0}k"),
            _ => Text($"{count:0}"),
        };

    /// <summary>", then so many tokens a second"; nothing where there were too few to tell.</summary>
    public static string Rate(double tokensPerSecond) =>
        double.IsFinite(tokensPerSecond) ? Text($", then {tokensPerSecond:0.0} tokens/s") : "";

    public static string Time(double seconds) =>
        seconds >= 3600 ? Text($"{(int)(seconds / 3600)} h {(int)(seconds % 3600 / 60):00} min")
        : seconds >= 60 ? Text($"{(int)(seconds / 60)} min {(int)(seconds % 60):00} s")
        : Text($"{seconds:0} s");

    /// <summary>A model's text as it can be shown: control characters, which a young model writes freely, would move the cursor.</summary>
    public static string Visible(string text) =>
        string.Create(
            text.Length,
            text,
            (span, source) =>
            {
                for (int i = 0; i < span.Length; i++)
                {
                    span[i] = char.IsControl(source[i]) && source[i] != '\n' ? '·' : source[i];
                }
            }
        );

    /// <summary>Which step of how many; a budget in minutes becomes steps once the speed is known.</summary>
    public static string Place(in StepMetrics step) => step.TotalSteps == 0 ? Text($"{step.Step}") : Text($"{step.Step}/{step.TotalSteps}");

    /// <summary>One line about a step; <paramref name="rate"/> is in tokens per second, smoothed.</summary>
    public static string Line(in StepMetrics step, double rate, double secondsLeft) =>
        string.Join("  ", Parts(step, rate, secondsLeft).Select(part => part.Text));

    /// <summary>The same with a bar, in at most <paramref name="width"/> cells: the least important figures are left out first, then the
    /// bar.</summary>
    public static string LiveLine(in StepMetrics step, double rate, double secondsLeft, int width)
    {
        List<(int Rank, string Text)> parts = [(0, Place(step)), .. Parts(step, rate, secondsLeft)];
        if (step.TotalSteps > 0)
        {
            parts.Insert(0, (2, Bar((double)step.Step / step.TotalSteps, width < 100 ? 10 : 20)));
        }
        while (parts.Count > 1 && parts.Sum(part => Cells.Count(part.Text) + 2) - 2 > width)
        {
            parts.Remove(parts.MaxBy(part => part.Rank));
        }
        return string.Join("  ", parts.Select(part => part.Text));
    }

    [GeneratedRegex(@"(?<![\d.,])(1 (?:step|token|document|conversation|example|shard|message|turn|epoch|core))s\b")]
    private static partial Regex OneOfMany();

    /// <summary>A bar of <paramref name="cells"/> cells and its brackets, in characters that are narrow on every terminal.</summary>
    public static string Bar(double fraction, int cells)
    {
        int done = (int)Math.Round(Math.Clamp(double.IsNaN(fraction) ? 0 : fraction, 0, 1) * cells);
        return $"[{new string('=', done)}{new string('.', cells - done)}]";
    }

    private static List<(int Rank, string Text)> Parts(in StepMetrics step, double rate, double secondsLeft)
    {
        List<(int, string)> parts = [(1, Text($"loss {step.Loss:0.0000}"))];
        if (!double.IsNaN(step.BitsPerByte))
        {
            parts.Add((5, Text($"{step.BitsPerByte:0.000} bits/byte")));
        }
        parts.Add((8, Text($"lr {step.LearningRate:0.00e+0}")));
        parts.Add((9, Text($"|g| {step.GradientNorm:0.00}")));
        parts.Add((4, Text($"{rate:#,0} tok/s")));
        if (!double.IsNaN(step.FractionOfRoof))
        {
            parts.Add((6, Text($"{100 * step.FractionOfRoof:0} % of roof")));
        }
        parts.Add((7, Bytes(step.MemoryBytes)));
        parts.Add((3, step.TotalSteps == 0 ? "measuring the speed" : Time(secondsLeft) + " left"));
        return parts;
    }
}
