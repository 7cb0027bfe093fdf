using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>How a run ended.</summary>
/// <param name="Progress">How far it came.</param>
/// <param name="Interrupted">True when it was stopped before its end.</param>
/// <param name="EndedEarly">True when held-out loss had not fallen for long enough.</param>
/// <param name="Checkpoint">The newest checkpoint, or null.</param>
/// <param name="Best">The best checkpoint by validation, or null.</param>
/// <param name="Facts">Sizes.</param>
/// <param name="First">Validation before the first step, when this call began the run.</param>
/// <param name="Last">The last validation of this call.</param>
/// <param name="TokensPerSecond">Tokens over the wall time of this call's steps; NaN without steps.</param>
public sealed record RunResult(TrainProgress Progress, bool Interrupted, bool EndedEarly, string? Checkpoint, string? Best, RunFacts Facts,
    Validation? First, Validation? Last, double TokensPerSecond);

/// <summary>What a kind of training brings to its run.</summary>
/// <param name="Model">What is trained.</param>
/// <param name="Trained">The parameters that move.</param>
/// <param name="Tokenizer">Goes into every checkpoint, chat template included.</param>
/// <param name="Source">Batches.</param>
/// <param name="HeldOut">One pass of held-out batches, or null.</param>
/// <param name="Data">What these come from.</param>
/// <param name="FromNothing">Whether the weights were random when the run was begun.</param>
/// <param name="Length">Longest row.</param>
/// <param name="DocumentAware">Attention ends at document borders.</param>
/// <param name="WriteModel">Writes configuration and weights into a checkpoint.</param>
/// <param name="Sample">Continues a prompt: prompt, number of tokens, seed.</param>
internal sealed record RunParts(CausalLm Model, Parameters Trained, Tokenizer Tokenizer, IBatchSource Source, IBatchSource? HeldOut, RunData Data, bool FromNothing, int Length,
    bool DocumentAware, Action<string> WriteModel, Func<string, int, ulong, string> Sample);

/// <summary>The wiring that all runs share: optimizers, schedule, loop, logs, checkpoints, resuming.</summary>
internal sealed class TrainRun
{
    /// <summary>A run without a checkpoint begins anew, its measurement before the first step (step 0) included.</summary>
    private const int NothingDone = -1;

    private readonly IRecipe _recipe;
    private readonly RunStart _start;
    private readonly RunParts _parts;
    private readonly IReadOnlyList<IOptimizer> _optimizers;
    private LearningRate? _rate;

    /// <summary>Checks that all of it fits; nothing is written or deleted yet.</summary>
    public TrainRun(IRecipe recipe, RunStart start, RunParts parts)
    {
        (_recipe, _start, _parts) = (recipe, start.With(parts.Data), parts);
        _optimizers = Optimizers();
        if (start.Checkpoint is not null)
        {
            OptimizerState.Read(start.Checkpoint, _optimizers);
            parts.Source.State = _start.State!.Cursor;
        }
        parts.Model.Recompute = recipe.Train.Recompute;
        RunEstimate estimate = RunEstimate.Of(parts.Model, parts.Trained, recipe.Train.BatchSize, parts.Length);
        estimate.Check(start.Options.Warn);
        CheckDisk();
        Facts = new RunFacts(parts.Trained.ElementCount, parts.Model.FlopsPerToken, TokensPerStep, start.Options.Roof?.Invoke()) { Figures = parts.Model.Figures };
        Plan = MakePlan(estimate.ProcessBytes);
        foreach (string warning in Plan.Warnings(TotalSteps(), recipe.Schedule.WarmupSteps, parts.Data, parts.Model.MaxPositionEmbeddings, parts.FromNothing))
        {
            start.Options.Warn(warning);
        }
    }

    /// <summary>Sizes of the run.</summary>
    public RunFacts Facts { get; }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan { get; }

    private long RowsPerStep => (long)_recipe.Train.BatchSize * _recipe.Train.Accumulation;

    private int TokensPerStep => Whole((double)_recipe.Train.BatchSize * _parts.Length * _recipe.Train.Accumulation, "train.batch_size × rows' length × train.accumulation", "tokens a step");

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        try
        {
            return Train(screen, cancelled);
        }
        catch (IOException e) when (DiskFull.IsReasonOf(e))
        {
            string kept = LastCheckpoint() is { } path ? $"the last good checkpoint is {path}: free some space, then go on with the same command and --resume" : "no checkpoint had been saved yet: free some space and begin again";
            throw new IOException($"the disk of {_recipe.Out} is full; {kept}", e.HResult);
        }
    }

    private RunResult Train(ITrainLog? screen, CancellationToken cancelled)
    {
        cancelled.ThrowIfCancellationRequested();   // before an earlier run is deleted
        RunDirectory.Prepare(_recipe.Out, _start.Options.Resume);
        _start.Checkpoints.Clean();
        AtomicFile.WriteText(Path.Combine(_recipe.Out, RunDirectory.RecipeFile), _recipe.Resolved);
        WrittenFiles.Of(_recipe.Out).Add(RunDirectory.RecipeFile);
        using MetricsFile metrics = new(_recipe.Out, _start.State?.Step ?? NothingDone);
        using TensorBoardFile board = new(_recipe.Out, TimeProvider.System);
        List<ITrainLog> logs = [metrics, board];
        if (screen is not null)
        {
            logs.Add(screen);
        }
        TrainSection train = _recipe.Train;
        CausalLm model = _parts.Model;
        model.Device.Int8Products = false;   // held-out losses and samples are those of the weights as training multiplies them
        Objective objective = NextToken.Of(model, _parts.DocumentAware);
        LabelBytes text = new(_parts.Tokenizer);
        TrainStep step = new(model.Device, _parts.Trained, objective, _parts.Source, _optimizers, train.BatchSize, _parts.Length, train.Accumulation, _recipe.Optimizer.Clip)
        {
            Model = model,
            Seed = (ulong)train.Seed,
            Text = text,
        };
        Batch held = new(train.BatchSize, _parts.Length);
        Func<Validation>? validate = _parts.HeldOut is null ? null
            : () => Validation.Measure(model.Device, objective, _parts.HeldOut, text, held, train.EvalBatches, cancelled);
        TrainLoop loop = new(
            new LoopSettings(TotalSteps(), train.Minutes, train.EvalEvery, train.SampleEvery, train.SaveEvery,
                _recipe.Optimizer.LearningRate, 5 * Math.Log(model.VocabSize))
            { Patience = train.Patience },
            new LoopParts(step.Run, Multiple, validate, at => Sample(at, logs), Save, LastCheckpoint),
            Facts, logs);
        TrainState? before = _start.State;
        TrainProgress end = loop.Run(new TrainProgress(before?.Step ?? 0, before?.TotalSteps ?? 0, before?.Tokens ?? 0, before?.BestStep, before?.BestLoss) { Unmeasured = before?.Unmeasured ?? false }, cancelled);
        double rate = loop.StepSeconds > 0 ? (end.Tokens - (before?.Tokens ?? 0)) / loop.StepSeconds : double.NaN;
        return new RunResult(end, !loop.EndedEarly && (end.Unmeasured || end.TotalSteps == 0 || end.Step < end.TotalSteps), loop.EndedEarly, LastCheckpoint(),
            end.BestStep is { } best ? _start.Checkpoints.Of(best) : null, Facts, loop.FirstValidation, loop.LastValidation, rate);
    }

    private IReadOnlyList<IOptimizer> Optimizers()
    {
        OptimizerSection o = _recipe.Optimizer;
        AdamWSettings adam = new(o.LearningRate, o.Beta1, o.Beta2, o.Eps, o.WeightDecay);
        return o.Name == "adamw" ? [new AdamW(_parts.Trained, adam)]
            : [new Muon(_parts.Trained.Where(Muon.Takes), new MuonSettings(o.MuonLearningRate, WeightDecay: o.MuonWeightDecay)),
                new AdamW(_parts.Trained.Where(p => !Muon.Takes(p)), adam)];
    }

    private void CheckDisk()
    {
        TrainSection train = _recipe.Train;
        bool adapter = _parts.Trained != _parts.Model.Parameters, resumed = _start.Options.Resume;
        long steps = TotalSteps() - (_start.State?.Step ?? 0) ?? int.MaxValue;
        long saves = 1 + (train.SaveEvery > 0 ? steps / train.SaveEvery : 0) + (_parts.HeldOut is not null && train.EvalEvery > 0 ? steps / train.EvalEvery : 0);
        DirectoryInfo old = new(_start.Checkpoints.Path);
        DiskEstimate.Of(_parts.Trained, _optimizers, adapter, train.Keep, _parts.HeldOut is not null, saves, resumed ? _start.Checkpoints.Steps().Count : 0)
            .Check(_recipe.Out, resumed || !old.Exists ? 0 : old.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length));
    }

    private RunPlan MakePlan(long memoryBytes)
    {
        int? total = TotalSteps(), left = total is { } all ? Math.Max(0, all - (_start.State?.Step ?? 0)) : null;
        // Each pass ends where the data ends, so the steps of a run over epochs hold as many tokens as these.
        double tokensPerStep = _recipe.Train.Epochs is { } epochs ? epochs * _parts.Data.Tokens / total!.Value : (double)RowsPerStep * _parts.Data.Tokens / _parts.Source.RowCount;
        return RunPlan.Of(left, _recipe.Train.Minutes, tokensPerStep, _parts.Data.Tokens, Facts, memoryBytes);
    }

    private int? TotalSteps()
    {
        TrainSection train = _recipe.Train;
        return train.Steps
            ?? (train.Tokens is { } tokens ? Whole(Math.Ceiling(tokens / (double)TokensPerStep), "train.tokens", "steps")
                : train.Epochs is { } epochs ? Whole(new EpochBudget(epochs, _parts.Source.RowCount).Steps(RowsPerStep), "train.epochs", "steps") : null);
    }

    private static int Whole(double count, string of, string what)
        => count <= int.MaxValue ? (int)count : throw new InvalidDataException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{of} comes to {count:0.###e+0} {what}, which is more than {int.MaxValue}; make it less"));

    private double Multiple(int step, int total)
    {
        if (_rate is null || _rate.TotalSteps != total)
        {
            ScheduleSection s = _recipe.Schedule;
            if (_recipe.Train.Minutes is not null && RunPlan.EndsInWarmup(total, s.WarmupSteps) is { } warning)
            {
                _start.Options.Warn(warning);
            }
            Schedule course = s.Name switch
            {
                "constant" => Schedule.Constant,
                "linear" => Schedule.Linear,
                "cosine" => Schedule.Cosine,
                _ => s.Decay == "linear" ? Schedule.WsdLinear : Schedule.WsdSqrt,
            };
            _rate = new LearningRate(course, total, s.WarmupSteps, s.DecaySteps ?? total / 5, s.MinRate);
        }
        return _rate.At(step);
    }

    private void Sample(int step, List<ITrainLog> logs)
    {
        foreach (string prompt in _recipe.Train.SamplePrompts)
        {
            string text = _parts.Sample(prompt, _recipe.Train.SampleTokens, (ulong)(_recipe.Train.Seed + step));
            foreach (ITrainLog log in logs)
            {
                log.Sample(step, prompt, text);
            }
        }
    }

    private string? LastCheckpoint() => _start.Checkpoints.Steps() is { Count: > 0 } steps ? _start.Checkpoints.Of(steps[^1]) : null;

    private string Save(TrainProgress at)
    {
        LoaderState cursor = _parts.Source.State;
        TrainState state = new(at.Step, at.TotalSteps, at.Tokens, cursor.Epoch, cursor.Position, at.BestStep, at.BestLoss, _recipe.Resolved)
        {
            Unmeasured = at.Unmeasured,
            TrainData = _parts.Data.Train,
            ValidData = _parts.Data.Valid,
        };
        return _start.Checkpoints.Save(state, _recipe.Train.Keep, directory =>
        {
            _parts.WriteModel(directory);
            OptimizerState.Write(directory, _optimizers);
            _parts.Tokenizer.Save(directory);
        });
    }
}
