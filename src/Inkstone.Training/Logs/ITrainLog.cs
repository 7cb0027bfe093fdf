using Inkstone.Models;

namespace Inkstone.Training;

/// <summary>Where training tells what happens: files, TensorBoard, a terminal. Called from the computing thread, in order. A log takes what
/// it wants and leaves the rest.</summary>
public interface ITrainLog : IDisposable
{
    /// <summary>The run starts or goes on; <paramref name="step"/> steps are done.</summary>
    void Start(RunFacts facts, int step) { }

    /// <summary>A step is done.</summary>
    void Step(in StepMetrics step) { }

    /// <summary>Held-out text was measured after <paramref name="step"/> steps.</summary>
    void Validation(int step, double loss, double bitsPerByte, bool best) { }

    /// <summary>What the objective reports of held-out data beside the loss; told before <see cref="Validation"/>.</summary>
    void Validated(int step, IReadOnlyList<Metric> metrics) { }

    /// <summary>The model continued a prompt.</summary>
    void Sample(int step, string prompt, string text) { }

    /// <summary>A checkpoint was saved.</summary>
    void Saved(int step, string path) { }

    /// <inheritdoc/>
    void IDisposable.Dispose() => GC.SuppressFinalize(this);
}

/// <summary>What does not change during a run.</summary>
/// <param name="Parameters">Number of trained numbers.</param>
/// <param name="FlopsPerToken">Multiply-adds of the matrices, counted as two each: six per trained number that multiplies each token, four
/// per frozen one.</param>
/// <param name="TokensPerStep">Rows × length × accumulation: the most that a step can see.</param>
/// <param name="Roof">Measured peak of the matrix product on this machine, FLOP/s, or null.</param>
public sealed record RunFacts(long Parameters, double FlopsPerToken, int TokensPerStep, double? Roof);

/// <summary>What one step measured.</summary>
/// <param name="Step">Steps done, this one included.</param>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="Loss">Mean negative log-likelihood of the step's labels, nats.</param>
/// <param name="BitsPerByte">The same, in bits per byte of the text behind those labels; NaN where it is not known.</param>
/// <param name="LearningRate">Rate of this step.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Tokens">Tokens seen since the beginning.</param>
/// <param name="Seconds">Wall time of this step.</param>
/// <param name="TokensPerSecond">Tokens of this step over its wall time.</param>
/// <param name="FractionOfRoof">Operations per token · tokens per second over the roof; NaN without a roof.</param>
/// <param name="MemoryBytes">Memory of the process.</param>
public readonly record struct StepMetrics(
    int Step,
    int TotalSteps,
    double Loss,
    double BitsPerByte,
    double LearningRate,
    double GradientNorm,
    long Tokens,
    double Seconds,
    double TokensPerSecond,
    double FractionOfRoof,
    long MemoryBytes
)
{
    /// <summary>What model and objective report of the step beside the loss.</summary>
    public IReadOnlyList<Metric>? Metrics { get; init; }
}
