using System.Diagnostics;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Progress as lines: what happens, and the figures of a step every few seconds.</summary>
/// <param name="error">where</param>
/// <param name="steps">false where something else shows the steps</param>
internal sealed class PlainProgress(TextWriter error, bool steps = true) : ITrainLog
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly RateAverage _rate = new();
    private long _last;

    public void Start(RunFacts facts, int step) => error.WriteLine(Headline(facts, step));

    public void Step(in StepMetrics step)
    {
        _rate.Add(step);
        if (steps && (step.Step == step.TotalSteps || _last == 0 || Stopwatch.GetElapsedTime(_last) >= Pause))
        {
            _last = Stopwatch.GetTimestamp();
            error.WriteLine($"step {Format.Place(step)}  {Format.Line(step, _rate.TokensPerSecond, _rate.SecondsLeft(step))}");
        }
    }

    public void Validation(int step, double loss, double bitsPerByte, bool best) =>
        error.WriteLine(ValidationLine(step, loss, bitsPerByte, best));

    public void Sample(int step, string prompt, string text) => error.WriteLine($"sample at step {step}: {Format.Visible(prompt + text)}");

    public void Saved(int step, string path) => error.WriteLine($"saved {path}");

    public void Dispose() { }

    private static string Headline(RunFacts facts, int step) =>
        $"{Format.Count(facts.Parameters)} parameters, {facts.TokensPerStep:N0} tokens a step{(facts.Roof is { } roof ? Format.Text($", roof {roof / 1e9:0} GFLOP/s") : "")}{(step > 0 ? $", going on after step {step}" : "")}";

    private static string ValidationLine(int step, double loss, double bitsPerByte, bool best) =>
        Format.Text(
            $"valid at step {step}: loss {loss:0.0000}{(double.IsNaN(bitsPerByte) ? "" : Format.Text($"  {bitsPerByte:0.000} bits/byte"))}{(best ? "  (best)" : "")}"
        );
}
