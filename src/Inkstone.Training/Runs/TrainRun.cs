using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>What a kind of training brings to its run.</summary>
/// <param name="Model">What is trained.</param>
/// <param name="Tokenizer">Goes into every checkpoint, chat template included.</param>
/// <param name="Source">Batches.</param>
/// <param name="HeldOut">One pass of held-out batches, or null.</param>
/// <param name="Data">What these come from.</param>
/// <param name="FromNothing">Whether the weights were random when the run was begun.</param>
/// <param name="Objective">What is minimised.</param>
/// <param name="WriteModel">Writes configuration and weights into a checkpoint.</param>
/// <param name="Sample">Continues a prompt: prompt, number of tokens, seed.</param>
internal sealed record RunParts<TBatch>(
    CausalLm Model,
    Tokenizer Tokenizer,
    IBatchSource<TBatch> Source,
    IBatchSource<TBatch>? HeldOut,
    RunData Data,
    bool FromNothing,
    Objective<TBatch> Objective,
    Action<string> WriteModel,
    Func<string, int, ulong, string> Sample
)
    where TBatch : ITrainingBatch
{
    /// <summary>What moves, where that is not the model's parameters or its adapter's.</summary>
    public Parameters? Trained { get; init; }

    /// <summary>Bytes of text behind the labels of a batch; null: unknown.</summary>
    public Func<TBatch, long>? TextBytes { get; init; }

    /// <summary>A loss above it means that training has diverged; null: five times that of guessing a token.</summary>
    public double? LossBound { get; init; }

    /// <summary>What else listens.</summary>
    public ITrainLog? Watch { get; init; }

    /// <summary>What else logs show where samples are due: prompts and what the model has written behind them.</summary>
    public Func<IReadOnlyList<Shown>>? Shown { get; init; }

    /// <summary>What is to be done when nothing stands in the way any more, before the first step.</summary>
    public Action? Begin { get; init; }
}

/// <summary>The wiring that all runs share: optimizers, schedule, loop, logs, checkpoints, resuming.</summary>
/// <typeparam name="TBatch">what a micro-batch is</typeparam>
internal sealed class TrainRun<TBatch>
    where TBatch : ITrainingBatch
{
    /// <summary>A run without a checkpoint begins anew, its measurement before the first step (step 0) included.</summary>
    private const int NothingDone = -1;

    private readonly IRecipe _recipe;
    private readonly RunStart _start;
    private readonly RunParts<TBatch> _parts;
    private readonly Trainer<TBatch> _trainer;
    private readonly List<ITrainLog> _logs = [];

    /// <summary>Checks that all of it fits; nothing is written or deleted yet.</summary>
    public TrainRun(IRecipe recipe, RunStart start, RunParts<TBatch> parts)
    {
        (_recipe, _start, _parts) = (recipe, start.With(parts.Data), parts);
        Together = new Cooperation(start.Options.Ranks, recipe.Distributed);
        parts.Model.Recompute = recipe.Train.Recompute; // how much memory a step takes depends on it
        _trainer = new Trainer<TBatch>(
            parts.Model,
            parts.Source,
            parts.Objective,
            recipe.Train,
            recipe.Optimizer,
            recipe.Schedule,
            parts.Trained,
            Together
        )
        {
            HeldOut = parts.HeldOut,
            Logs = _logs,
            TextBytes = parts.TextBytes,
            Warn = start.Options.Warn,
            Sample = start.Options.Leads ? Sample : _ => { },
            Save = Save,
            LastCheckpoint = LastCheckpoint,
        };
        _trainer.LossBound = parts.LossBound ?? _trainer.LossBound;
        if (start.Checkpoint is not null)
        {
            OptimizerState.Read(start.Checkpoint, _trainer.Optimizers);
            parts.Source.State = _start.State!.Cursor;
        }
        RunEstimate estimate = RunEstimate.Estimate(parts.Model, _trainer.Trained, recipe.Train.BatchSize, parts.Source.RowLength);
        estimate.Check(start.Options.Warn, Together.Ranks.LocalSize);
        CheckDisk();
        RankAgreement.Check(Together.Ranks, recipe.Resolved, parts.Data, parts.Model.Parameters);
        _trainer.Facts = _trainer.Facts with { Roof = start.Options.Roof?.Invoke() * Together.Ranks.Size };
        Plan = MakePlan(estimate.ProcessBytes);
        foreach (
            string warning in Plan.Warnings(
                _trainer.TotalSteps,
                recipe.Schedule.WarmupSteps,
                parts.Data,
                parts.Model.MaxPositionEmbeddings,
                parts.FromNothing
            )
        )
        {
            start.Options.Warn(warning);
        }
    }

    private Cooperation Together { get; }

    /// <summary>Sizes of the run.</summary>
    public RunFacts Facts => _trainer.Facts;

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan { get; }

    private long RowsPerStep => (long)_recipe.Train.BatchSize * _recipe.Train.Accumulation;

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        try
        {
            return Train(screen, cancelled);
        }
        catch (IOException e) when (DiskFull.IsReasonOf(e))
        {
            string kept = LastCheckpoint() is { } path
                ? $"the last good checkpoint is {path}: free some space, then go on with the same command and --resume"
                : "no checkpoint had been saved yet: free some space and begin again";
            throw new IOException($"the disk of {_recipe.Out} is full; {kept}", e.HResult);
        }
    }

    private RunResult Train(ITrainLog? screen, CancellationToken cancelled)
    {
        if (!_start.Options.Leads)
        {
            return Follow(cancelled);
        }
        cancelled.ThrowIfCancellationRequested(); // before an earlier run is deleted
        RunDirectory.Prepare(_recipe.Out, _start.Options.Resume);
        _start.Checkpoints.Clean();
        AtomicFile.WriteText(Path.Combine(_recipe.Out, RunDirectory.RecipeFile), _recipe.Resolved);
        WrittenFiles.Read(_recipe.Out).Add(RunDirectory.RecipeFile);
        using MetricsFile metrics = new(_recipe.Out, _start.State?.Step ?? NothingDone);
        using TensorBoardFile board = new(_recipe.Out, TimeProvider.System);
        _logs.AddRange(screen is null ? [metrics, board] : [metrics, board, screen]);
        if (_parts.Watch is { } watch)
        {
            _logs.Add(watch);
        }
        _parts.Begin?.Invoke();
        Together.Ranks.Barrier();
        return Go(cancelled);
    }

    /// <summary>The part of a process that writes nothing: what the first one has prepared is there when it begins.</summary>
    private RunResult Follow(CancellationToken cancelled)
    {
        Together.Ranks.Barrier();
        _parts.Begin?.Invoke();
        return Go(cancelled);
    }

    private RunResult Go(CancellationToken cancelled)
    {
        TrainState? before = _start.State;
        TrainProgress end = _trainer.Run(
            new TrainProgress(before?.Step ?? 0, before?.TotalSteps ?? 0, before?.Tokens ?? 0, before?.BestStep, before?.BestLoss)
            {
                Unmeasured = before?.Unmeasured ?? false,
            },
            cancelled
        );
        double rate = _trainer.StepSeconds > 0 ? (end.Tokens - (before?.Tokens ?? 0)) / _trainer.StepSeconds : double.NaN;
        return new RunResult(
            end,
            !_trainer.EndedEarly && (end.Unmeasured || end.TotalSteps == 0 || end.Step < end.TotalSteps),
            _trainer.EndedEarly,
            LastCheckpoint(),
            end.BestStep is { } best ? _start.Checkpoints.GetPath(best) : null,
            Facts,
            _trainer.FirstValidation,
            _trainer.LastValidation,
            rate
        );
    }

    private void CheckDisk()
    {
        TrainOptions train = _recipe.Train;
        bool adapter = _parts.Model.Adapter is not null,
            resumed = _start.Options.Resume;
        long steps = _trainer.TotalSteps - (_start.State?.Step ?? 0) ?? int.MaxValue;
        long saves =
            1
            + (train.SaveEvery > 0 ? steps / train.SaveEvery : 0)
            + (_parts.HeldOut is not null && train.EvalEvery > 0 ? steps / train.EvalEvery : 0);
        DirectoryInfo old = new(_start.Checkpoints.Path);
        DiskEstimate
            .Estimate(
                _trainer.Trained,
                _trainer.Optimizers,
                adapter,
                train.Keep,
                _parts.HeldOut is not null,
                saves,
                resumed ? _start.Checkpoints.Steps().Count : 0
            )
            .Check(_recipe.Out, resumed || !old.Exists ? 0 : old.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length));
    }

    private RunPlan MakePlan(long memoryBytes)
    {
        int? total = _trainer.TotalSteps,
            left = total is { } all ? Math.Max(0, all - (_start.State?.Step ?? 0)) : null;
        // Each pass ends where the data ends, so the steps of a run over epochs hold as many tokens as these.
        double tokensPerStep = _recipe.Train.Epochs is { } epochs
            ? epochs * _parts.Data.Tokens / total!.Value
            : (double)RowsPerStep * _parts.Data.Tokens / _parts.Source.RowCount;
        return RunPlan.Estimate(left, _recipe.Train.Minutes, tokensPerStep, _parts.Data.Tokens, Facts, memoryBytes);
    }

    private void Sample(int step)
    {
        foreach (Shown shown in _parts.Shown?.Invoke() ?? [])
        {
            foreach (ITrainLog log in _logs)
            {
                log.Sample(step, shown.Prompt, shown.Text);
            }
        }
        foreach (string prompt in _recipe.Train.SamplePrompts ?? [])
        {
            string text = _parts.Sample(prompt, _recipe.Train.SampleTokens, (ulong)(_recipe.Train.Seed + step));
            foreach (ITrainLog log in _logs)
            {
                log.Sample(step, prompt, text);
            }
        }
    }

    private string? LastCheckpoint() => _start.Checkpoints.Steps() is { Count: > 0 } steps ? _start.Checkpoints.GetPath(steps[^1]) : null;

    private string Save(TrainProgress at)
    {
        LoaderState cursor = _parts.Source.State;
        TrainState state = new(at.Step, at.TotalSteps, at.Tokens, cursor.Epoch, cursor.Position, at.BestStep, at.BestLoss, _recipe.Resolved)
        {
            Unmeasured = at.Unmeasured,
            TrainData = _parts.Data.Train,
            ValidData = _parts.Data.Valid,
        };
        using CheckpointMoments moments = CheckpointMoments.Collect(_trainer.Optimizers);
        string path = _start.Checkpoints.GetPath(at.Step);
        if (_start.Options.Leads)
        {
            _start.Checkpoints.Save(
                state,
                _recipe.Train.Keep,
                directory =>
                {
                    _parts.WriteModel(directory);
                    OptimizerState.Write(directory, moments.All);
                    _parts.Tokenizer.Save(directory);
                    RunCard.Create(_parts.Model, _recipe, state).Write(directory);
                }
            );
        }
        RankAgreement.Verify(Together.Ranks, _start.Checkpoints, at.Step);
        return path;
    }
}
