using Inkstone.Files;

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
    /// <param name="output">directory of the run</param>
    /// <param name="options">how it is started</param>
    /// <param name="inputs">paths that the run reads; null stands for none</param>
    public static RunStart Of(string output, RunOptions options, params IEnumerable<string?> inputs)
    {
        Place.KeepApart(output, file: false, inputs);
        RunDirectory.Check(output, options.Resume, options.Force);
        CheckpointFolder checkpoints = new(output);
        string? checkpoint = options.Resume && checkpoints.Newest() is { } step ? checkpoints.Of(step) : null;
        return new RunStart(options, checkpoints, checkpoint, checkpoint is null ? null : TrainState.Read(checkpoint));
    }
}
