namespace Inkstone.Training;

/// <summary>How a run is started.</summary>
/// <param name="Resume">Go on from the newest checkpoint in OUT.</param>
/// <param name="Force">Begin anew although OUT holds a run.</param>
/// <param name="Roof">Measured peak of the matrix product, FLOP/s, or null.</param>
/// <param name="Warn">Where warnings go.</param>
public sealed record RunOptions(bool Resume, bool Force, double? Roof, Action<string> Warn);

/// <summary>Where a run begins: anew, or behind its newest checkpoint.</summary>
/// <param name="Options">How it is started.</param>
/// <param name="Checkpoints">The run's checkpoints.</param>
/// <param name="Checkpoint">Path of the newest, when the run goes on.</param>
/// <param name="State">Its state, when the run goes on.</param>
internal sealed record RunStart(RunOptions Options, CheckpointFolder Checkpoints, string? Checkpoint, TrainState? State)
{
    /// <summary>Looks; nothing is written or deleted yet.</summary>
    public static RunStart Of(string output, RunOptions options)
    {
        RunDirectory.Check(output, options.Resume, options.Force);
        CheckpointFolder checkpoints = new(output);
        string? checkpoint = options.Resume && checkpoints.Steps() is { Count: > 0 } steps ? checkpoints.Of(steps[^1]) : null;
        return new RunStart(options, checkpoints, checkpoint, checkpoint is null ? null : TrainState.Read(checkpoint));
    }
}
