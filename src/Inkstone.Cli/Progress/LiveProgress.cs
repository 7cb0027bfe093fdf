using System.Diagnostics;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>A moving bar with the figures of the last step; validations, samples and checkpoints scroll above it.</summary>
internal sealed class LiveProgress(Terminal terminal) : ITrainLog
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly PlainProgress _lines = new(terminal, steps: false);
    private readonly RateAverage _rate = new();
    private long _last;

    public void Start(RunFacts facts, int step) => _lines.Start(facts, step);

    public void Step(in StepMetrics step)
    {
        _rate.Add(step);
        if (_last == 0 || Stopwatch.GetElapsedTime(_last) >= Pause)
        {
            _last = Stopwatch.GetTimestamp();
            terminal.Show(Format.LiveLine(step, _rate.TokensPerSecond, _rate.SecondsLeft(step), terminal.Width));
        }
    }

    public void Validation(int step, double loss, double bitsPerByte, bool best) => _lines.Validation(step, loss, bitsPerByte, best);

    public void Sample(int step, string prompt, string text) => _lines.Sample(step, prompt, text);

    public void Saved(int step, string path) => _lines.Saved(step, path);

    public void Dispose() => terminal.Show("");
}
