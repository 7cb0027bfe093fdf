using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Tokens per second and time left, averaged over about the last twenty steps.</summary>
internal sealed class RateAverage
{
    private const double Keep = 0.95;

    private double _seconds,
        _tokens,
        _steps;

    public double TokensPerSecond => _tokens / Math.Max(_seconds, 1e-9);

    public void Add(in StepMetrics step)
    {
        _seconds = Keep * _seconds + step.Seconds;
        _tokens = Keep * _tokens + step.Seconds * step.TokensPerSecond;
        _steps = Keep * _steps + 1;
    }

    public double SecondsLeft(in StepMetrics step) => (step.TotalSteps - step.Step) * _seconds / Math.Max(_steps, 1);
}
