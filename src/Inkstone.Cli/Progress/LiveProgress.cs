using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>A moving bar with the figures of the last step; validations, samples and checkpoints scroll above it.</summary>
internal sealed class LiveProgress(IAnsiConsole screen, ProgressTask bar) : ITrainLog
{
    private const int WideEnough = 130;

    private readonly RateAverage _rate = new();

    public void Start(RunFacts facts, int step)
    {
        screen.MarkupLineInterpolated($"{PlainProgress.Headline(facts, step)}");
        bar.Value = step;
    }

    public void Step(in StepMetrics step)
    {
        _rate.Add(step);
        bar.MaxValue = step.TotalSteps;
        bar.Value = step.Step;
        bar.Description = Markup.Escape($"{Figures.Place(step)}  {Figures.Line(step, _rate.TokensPerSecond, _rate.SecondsLeft(step), brief: screen.Profile.Width < WideEnough)}");
    }

    public void Validation(int step, double loss, double bitsPerByte, bool best)
        => screen.MarkupLineInterpolated($"[bold]{PlainProgress.ValidationLine(step, loss, bitsPerByte, best)}[/]");

    public void Sample(int step, string prompt, string text) => screen.MarkupLineInterpolated($"[dim]step {step}:[/] [bold]{Figures.Visible(prompt)}[/]{Figures.Visible(text)}");

    public void Saved(int step, string path) => screen.MarkupLineInterpolated($"[dim]saved {path}[/]");

    public void Dispose() => bar.StopTask();
}
