using System.Globalization;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Numbers as people read them.</summary>
internal static class Figures
{
    public static string Of(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    public static string Bytes(double bytes) => bytes switch
    {
        >= 1L << 30 => Of($"{bytes / (1L << 30):0.0} GiB"),
        >= 1 << 20 => Of($"{bytes / (1 << 20):0.0} MiB"),
        >= 1 << 10 => Of($"{bytes / (1 << 10):0.0} KiB"),
        _ => Of($"{bytes:0} bytes"),
    };

    public static string Count(double count) => count switch
    {
        >= 1e9 => Of($"{count / 1e9:0.00}B"),
        >= 1e6 => Of($"{count / 1e6:0.00}M"),
        >= 1e4 => Of($"{count / 1e3:0.0}k"),
        _ => Of($"{count:0}"),
    };

    /// <summary>", then so many tokens a second"; nothing where there were too few to tell.</summary>
    public static string Rate(double tokensPerSecond) => double.IsFinite(tokensPerSecond) ? Of($", then {tokensPerSecond:0.0} tokens/s") : "";

    public static string Time(double seconds)
        => seconds >= 3600 ? Of($"{(int)(seconds / 3600)} h {(int)(seconds % 3600 / 60):00} min") : seconds >= 60 ? Of($"{(int)(seconds / 60)} min {(int)(seconds % 60):00} s") : Of($"{seconds:0} s");

    /// <summary>A model's text as it can be shown: control characters, which a young model writes freely, would move the cursor.</summary>
    public static string Visible(string text)
        => string.Create(text.Length, text, (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) && source[i] != '\n' ? '·' : source[i];
            }
        });

    /// <summary>Which step of how many; a budget in minutes becomes steps once the speed is known.</summary>
    public static string Place(in StepMetrics step) => step.TotalSteps == 0 ? Of($"{step.Step}") : Of($"{step.Step}/{step.TotalSteps}");

    /// <summary>One line about a step; <paramref name="rate"/> is in tokens per second, smoothed.</summary>
    public static string Line(in StepMetrics step, double rate, double secondsLeft, bool brief = false)
    {
        string bits = double.IsNaN(step.BitsPerByte) ? "" : Of($"  {step.BitsPerByte:0.000} bits/byte");
        string roof = double.IsNaN(step.FractionOfRoof) ? "" : Of($"  {100 * step.FractionOfRoof:0} % of roof");
        string left = step.TotalSteps == 0 ? "measuring the speed" : Time(secondsLeft) + " left";
        return brief ? Of($"loss {step.Loss:0.000}{bits}  {rate:#,0} tok/s{roof}  {left}")
            : Of($"loss {step.Loss:0.0000}{bits}  lr {step.LearningRate:0.00e+0}  |g| {step.GradientNorm:0.00}  {rate:#,0} tok/s{roof}  {Bytes(step.MemoryBytes)}  {left}");
    }
}
