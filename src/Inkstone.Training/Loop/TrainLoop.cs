using System.Diagnostics;

namespace Inkstone.Training;

/// <summary>How long a run is and how often it does what.</summary>
/// <param name="TotalSteps">Steps, or null for a budget in wall time.</param>
/// <param name="Minutes">That budget.</param>
/// <param name="EvalEvery">Steps between validations; 0: only at both ends.</param>
/// <param name="SampleEvery">Steps between samples; 0: none.</param>
/// <param name="SaveEvery">Steps between checkpoints; 0: only the best and the last.</param>
/// <param name="PeakRate">Learning rate that a multiple of 1 means.</param>
/// <param name="LossBound">A loss above it means that the run has diverged.</param>
internal sealed record LoopSettings(
    int? TotalSteps,
    double? Minutes,
    int EvalEvery,
    int SampleEvery,
    int SaveEvery,
    double PeakRate,
    double LossBound
)
{
    /// <summary>Validations in a row without a new best after which the run ends; 0: never.</summary>
    public int Patience { get; init; }
}

/// <summary>What the loop calls out to. All of it depends on the model, none of it on the loop.</summary>
/// <param name="Step">One optimizer step: its number from 0, and the multiple of the peak rate.</param>
/// <param name="LrScale">The multiple of a step (from 0) in a run of so many steps.</param>
/// <param name="Validate">Measures held-out text; null: there is none.</param>
/// <param name="Sample">Reports samples after so many steps.</param>
/// <param name="Save">Saves a checkpoint of this progress and returns its path; null: nothing is saved.</param>
/// <param name="LastCheckpoint">Path of the newest whole checkpoint, for messages.</param>
internal sealed record LoopParts(
    Func<int, double, StepOutcome> Step,
    Func<int, int, double> LrScale,
    Func<Validation>? Validate,
    Action<int> Sample,
    Func<TrainProgress, string>? Save,
    Func<string?> LastCheckpoint
)
{
    /// <summary>Makes a number that clocks decide the same in all processes of the run.</summary>
    public Func<int, int> Agree { get; init; } = number => number;

    /// <summary>Does what reads the model, with all its weights.</summary>
    public Action<Action> WithModel { get; init; } = work => work();
}

/// <summary>How far a run is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps of the run; 0 while a budget in minutes is not yet turned into steps.</param>
/// <param name="Tokens">Tokens seen.</param>
/// <param name="BestStep">Step of the best validation, or null.</param>
/// <param name="BestLoss">Its loss.</param>
public readonly record struct TrainProgress(int Step, int TotalSteps, long Tokens, int? BestStep, double? BestLoss)
{
    /// <summary>Whether the run was stopped before it had measured and sampled what was due after this step; it then begins with
    /// that.</summary>
    public bool Unmeasured { get; init; }
}

/// <summary>
/// The one training loop: step, report, validate, sample, save. It knows no model and no objective; what is minimised lies in
/// <see cref="LoopParts.Step"/>. Everything due after a step is done before the checkpoint, so a checkpoint stands for all lines up to its
/// step.
/// </summary>
internal sealed class TrainLoop(LoopSettings settings, LoopParts parts, RunFacts facts, IReadOnlyList<ITrainLog> logs)
{
    private const int StepsBetweenMemoryReadings = 16;
    private const int TimedSteps = 3;
    private const double SecondsToTime = 10;

    private TrainProgress _at;
    private double _timedSeconds,
        _lastEvalSeconds;
    private int _timed;
    private long _memory;

    /// <summary>The last validation of this run.</summary>
    public Validation? LastValidation { get; private set; }

    /// <summary>The validation before the first step.</summary>
    public Validation? FirstValidation { get; private set; }

    /// <summary>Whether held-out loss has not fallen for as long as the settings allow.</summary>
    public bool EndedEarly =>
        settings is { Patience: > 0, EvalEvery: > 0 }
        && !_at.Unmeasured
        && _at.Step - (_at.BestStep ?? 0) >= settings.Patience * settings.EvalEvery;

    /// <summary>Wall time of all steps together.</summary>
    public double StepSeconds { get; private set; }

    /// <summary>Runs from <paramref name="start"/> to the end, or until cancelled: then a checkpoint has been saved.</summary>
    /// <exception cref="DivergenceException">Loss or gradient is no number, or the loss is far above that of guessing.</exception>
    public TrainProgress Run(TrainProgress start, CancellationToken cancelled)
    {
        _at = start with { TotalSteps = settings.TotalSteps ?? start.TotalSteps };
        foreach (ITrainLog log in logs)
        {
            log.Start(facts, _at.Step);
        }
        if (_at.Step == 0)
        {
            FirstValidation = Validate();
        }
        long began = Stopwatch.GetTimestamp();
        bool saved = !_at.Unmeasured || Finish(cancelled);
        while ((_at.TotalSteps == 0 || _at.Step < _at.TotalSteps) && !EndedEarly && !(cancelled.IsCancellationRequested && saved))
        {
            Step();
            if (_at.TotalSteps == 0)
            {
                _at = _at with { TotalSteps = parts.Agree(DecideLength(Stopwatch.GetElapsedTime(began).TotalSeconds)) };
            }
            saved = Finish(cancelled);
        }
        return _at;
    }

    /// <summary>Does what is due after a step and tells whether a checkpoint was saved. Measuring may take minutes, so a cancelled one is
    /// left to the resumed run.</summary>
    private bool Finish(CancellationToken cancelled)
    {
        _at = _at with { Unmeasured = false };
        bool last = _at.Step == _at.TotalSteps,
            better = false;
        try
        {
            if (last || Due(settings.EvalEvery))
            {
                int? before = _at.BestStep;
                Validate();
                better = _at.BestStep != before;
            }
            if (settings.SampleEvery > 0 && (last || Due(settings.SampleEvery)))
            {
                parts.Sample(_at.Step);
            }
        }
        catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
        {
            _at = _at with { Unmeasured = true };
        }
        if (!(last || better || EndedEarly || Due(settings.SaveEvery) || cancelled.IsCancellationRequested))
        {
            return false;
        }
        if (parts.Save is not null)
        {
            string path = parts.Save(_at);
            foreach (ITrainLog log in logs)
            {
                log.Saved(_at.Step, path);
            }
        }
        return true;
    }

    private bool Due(int every) => every > 0 && _at.Step % every == 0;

    private void Step()
    {
        double multiple = parts.LrScale(_at.Step, _at.TotalSteps == 0 ? int.MaxValue : _at.TotalSteps);
        long before = Stopwatch.GetTimestamp();
        StepOutcome outcome = parts.Step(_at.Step, multiple);
        double seconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
        StepSeconds += seconds;
        _timed++;
        _timedSeconds = _timed == 1 ? 0 : _timedSeconds + seconds; // the first step also compiles and fills the pools
        Check(outcome, multiple * settings.PeakRate);

        _at = _at with { Step = _at.Step + 1, Tokens = _at.Tokens + outcome.Tokens };
        if (_at.Step % StepsBetweenMemoryReadings == 0 || _memory == 0)
        {
            _memory = Environment.WorkingSet;
        }
        double rate = outcome.Tokens / seconds;
        StepMetrics metrics = new(
            _at.Step,
            _at.TotalSteps,
            outcome.Loss,
            outcome.BitsPerByte,
            multiple * settings.PeakRate,
            outcome.GradientNorm,
            _at.Tokens,
            seconds,
            rate,
            facts.Roof is { } roof ? facts.FlopsPerToken * rate / roof : double.NaN,
            _memory
        )
        {
            Metrics = outcome.Metrics,
        };
        for (int i = 0; i < logs.Count; i++)
        {
            logs[i].Step(metrics);
        }
    }

    private void Check(StepOutcome outcome, double rate)
    {
        bool finite = double.IsFinite(outcome.Loss) && double.IsFinite(outcome.GradientNorm);
        if (finite && outcome.Loss <= settings.LossBound)
        {
            return;
        }
        string what =
            !double.IsFinite(outcome.Loss) ? "the loss is not a number any more"
            : !finite ? "the gradient is not a number any more"
            : FormattableString.Invariant($"the loss has risen to {outcome.Loss:0.#}, far above guessing");
        string kept = parts.LastCheckpoint() is { } path ? $"the last good checkpoint is {path}" : "no checkpoint had been saved yet";
        throw new DivergenceException(
            FormattableString.Invariant(
                $"training diverged at step {_at.Step + 1}: {what} at learning rate {rate:0.###e+0}; lower optimizer.lr or lengthen schedule.warmup_steps; {kept}"
            )
        );
    }

    private Validation? Validate()
    {
        if (parts.Validate is null)
        {
            return null;
        }
        parts.WithModel(Measure);
        return LastValidation;
    }

    private void Measure()
    {
        long before = Stopwatch.GetTimestamp();
        Validation found = parts.Validate!();
        _lastEvalSeconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
        LastValidation = found;
        bool better = _at.Step > 0 && (_at.BestLoss is null || found.Loss < _at.BestLoss);
        if (better)
        {
            _at = _at with { BestStep = _at.Step, BestLoss = found.Loss };
        }
        foreach (ITrainLog log in logs)
        {
            if (found.Metrics is { } metrics)
            {
                log.Validated(_at.Step, metrics);
            }
            log.Validation(_at.Step, found.Loss, found.BitsPerByte, better); // a log may ask the model for answers
        }
    }

    /// <summary>Turns a budget in minutes into steps once a few have been timed, so that the schedule has an end and resuming is
    /// exact.</summary>
    private int DecideLength(double elapsed)
    {
        double budget = settings.Minutes!.Value * 60;
        if (_timed <= TimedSteps || _timedSeconds < Math.Min(SecondsToTime, 0.05 * budget))
        {
            return 0;
        }
        double perStep = _timedSeconds / (_timed - 1) + (settings.EvalEvery > 0 ? _lastEvalSeconds / settings.EvalEvery : 0);
        int more = (int)Math.Max(0, (budget - elapsed - _lastEvalSeconds) / perStep);
        return _at.Step + Math.Max(more, 1);
    }
}
