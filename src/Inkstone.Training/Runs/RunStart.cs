using Inkstone.Distributed;
using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>How a run is started.</summary>
/// <param name="Resume">Go on from the newest checkpoint in OUT.</param>
/// <param name="Force">Begin anew although OUT holds a run.</param>
/// <param name="Roof">Measures the peak of the matrix product, FLOP/s, once everything else is in order; null: it is not measured.</param>
/// <param name="Warn">Where warnings go.</param>
/// <param name="AllowChangedData">Go on although the data are not those that the run was begun with.</param>
public sealed record RunOptions(bool Resume, bool Force, Func<double>? Roof, Action<string> Warn, bool AllowChangedData = false)
{
    /// <summary>The processes of the run.</summary>
    public ICommunicator Ranks { get; init; } = new SingleProcess();

    /// <summary>The same rows of a step in as many micro-batches as can be dealt out to the processes evenly.</summary>
    /// <exception cref="InvalidDataException">Its rows cannot be dealt out evenly.</exception>
    internal TrainOptions Deal(TrainOptions train)
    {
        if (Ranks.Size == 1)
        {
            return train;
        }
        int rows = checked(train.BatchSize * train.Accumulation),
            number = train.Accumulation;
        while (number <= rows && (number % Ranks.Size != 0 || rows % number != 0))
        {
            number++;
        }
        if (number > rows)
        {
            throw new InvalidDataException(
                $"the {rows} rows of a step (train.batch_size {train.BatchSize} × train.accumulation {train.Accumulation}) cannot be dealt out evenly to {Ranks.Size} processes; start as many processes as divide them"
            );
        }
        if (number != train.Accumulation)
        {
            Warn(
                $"a step's {rows} rows are {number} micro-batches of {rows / number} for {Ranks.Size} processes, not {train.Accumulation} of {train.BatchSize}: the same step, but for what is computed per micro-batch (balance of experts, noise)"
            );
        }
        return train with { BatchSize = rows / number, Accumulation = number };
    }

    /// <summary>Whether this process is the one that writes and tells.</summary>
    internal bool Leads => Ranks.Rank == 0;
}

/// <summary>Where a run begins: anew, or behind its newest checkpoint.</summary>
/// <param name="Options">How it is started.</param>
/// <param name="Checkpoints">The run's checkpoints.</param>
/// <param name="Checkpoint">Path of the newest, when the run goes on.</param>
/// <param name="State">Its state, when the run goes on.</param>
internal sealed record RunStart(RunOptions Options, CheckpointFolder Checkpoints, string? Checkpoint, TrainState? State)
{
    /// <summary>Looks; nothing is written or deleted yet.</summary>
    /// <param name="recipe">what is trained, and where to</param>
    /// <param name="options">how it is started</param>
    /// <param name="inputs">paths that the run reads; null stands for none</param>
    public static RunStart Prepare(IRecipe recipe, RunOptions options, params IEnumerable<string?> inputs)
    {
        Place.KeepApart(recipe.Out, file: false, inputs);
        RunDirectory.Check(recipe.Out, options.Resume, options.Force);
        CheckpointFolder checkpoints = new(recipe.Out);
        string? checkpoint = options.Resume && checkpoints.Newest() is { } step ? checkpoints.GetPath(step) : null;
        if (checkpoint is null)
        {
            if (options.Resume)
            {
                options.Warn($"there is no checkpoint in {recipe.Out} to go on from: the run begins anew");
            }
            return new RunStart(options, checkpoints, null, null);
        }
        TrainState state = TrainState.Read(checkpoint);
        RecipeChanges.Check(state.Recipe, recipe.Resolved, options.Warn);
        return new RunStart(options, checkpoints, checkpoint, state);
    }

    /// <summary>Refuses a tokenizer that is not there by the key that names it.</summary>
    public static void NeedTokenizer(string path)
    {
        if (!Directory.Exists(path) && !File.Exists(path))
        {
            throw new FileNotFoundException(
                $"tokenizer names {path}, which does not exist; make one with ink tokenizer train, or name another with --tokenizer"
            );
        }
    }

    /// <summary>The same start with the data that there are now: changed ones are refused, or begun with a new pass. A best loss on other
    /// held-out data counts no more.</summary>
    /// <exception cref="InvalidDataException">The data have changed, and nobody allowed it.</exception>
    public RunStart With(RunData data)
    {
        bool train = State?.TrainData is { } before && before != data.Train,
            valid = State?.ValidData is { } measured && measured != data.Valid;
        if (!train && !valid)
        {
            return this;
        }
        string what =
            train && valid ? "data.train and data.valid hold"
            : train ? "data.train holds"
            : "data.valid holds";
        if (!Options.AllowChangedData)
        {
            throw new InvalidDataException(
                $"{what} something else than when the run was begun (other files, another tokenizer, template or {data.LengthKey}); give the data as they were, begin another run with another out, or go on all the same with --allow-changed-data"
            );
        }
        Options.Warn(
            $"{what} something else than when the run was begun: {(train ? "what is learned from now begins with a new pass" : "")}{(train && valid ? "; " : "")}{(valid ? "held-out losses before and after cannot be compared, and the best begins anew" : "")}"
        );
        return this with
        {
            State = State! with
            {
                Epoch = train && State.Position > 0 ? State.Epoch + 1 : State.Epoch,
                Position = train ? 0 : State.Position,
                BestStep = valid ? null : State.BestStep,
                BestLoss = valid ? null : State.BestLoss,
            },
        };
    }
}
