using System.Globalization;
using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Models;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>
/// Trains a model on batches: optimizers, learning rate, steps, validation and logs over option records with defaults. What recipes run is
/// this, with checkpoints and a directory around it.
/// </summary>
/// <typeparam name="TBatch">what a micro-batch is; <see cref="Batch"/> for rows of tokens with labels</typeparam>
public sealed class Trainer<TBatch>
    where TBatch : ITrainingBatch
{
    private readonly CausalLm _model;
    private readonly IBatchSource<TBatch> _source;
    private readonly Objective<TBatch> _objective;
    private readonly TrainOptions _options;
    private readonly OptimizerOptions _optimizer;
    private readonly ScheduleOptions? _schedule;
    private readonly Cooperation? _together;
    private readonly SharedGradients? _gradients;
    private readonly OwnParts? _parts;
    private LearningRate? _rate;

    /// <summary>Prepares; the model is not touched yet.</summary>
    /// <param name="model">what is trained: its adapter where it wears one, else all its parameters</param>
    /// <param name="source">batches</param>
    /// <param name="objective">what is minimised; <see cref="NextToken"/> is one</param>
    /// <param name="options">how long, and how much at once</param>
    /// <param name="optimizer">how gradients become steps; null: AdamW with the defaults</param>
    /// <param name="schedule">how the learning rate moves; null: cosine, after a rise over a tenth of the steps, 100 at most</param>
    /// <param name="trained">what moves; null: the model's adapter where it wears one, else all its parameters</param>
    /// <param name="together">the processes that train together; null: this one alone</param>
    /// <exception cref="ArgumentException">An option is wrong; the message names it.</exception>
    /// <exception cref="InvalidDataException">What is trained, or a step of it, cannot be dealt out to the processes.</exception>
    public Trainer(
        CausalLm model,
        IBatchSource<TBatch> source,
        Objective<TBatch> objective,
        TrainOptions options,
        OptimizerOptions? optimizer = null,
        ScheduleOptions? schedule = null,
        Parameters? trained = null,
        Cooperation? together = null
    )
    {
        (_model, _source, _objective, _options, _optimizer, _schedule) = (
            model,
            source,
            objective,
            options.Validate(),
            optimizer ?? new OptimizerOptions(),
            schedule
        );
        schedule?.Over(1); // complains of a name that there is not
        Trained = trained ?? model.Adapter?.Parameters ?? model.Parameters;
        if (together is { Needed: true })
        {
            together.Check(options.Accumulation);
            if (together.ShardsWeights && model.Adapter is not null)
            {
                throw new InvalidDataException(
                    "distributed.zero 3 shards what is trained, and of an adapter that is little beside the frozen weights, which stay whole: take zero: 1 or 0"
                );
            }
            _optimizer.Place(Trained);
            bool muon = _optimizer.Name == "muon";
            (_together, _gradients) = (together, new SharedGradients(Trained, !model.IsTied, options.Accumulation, together, muon));
            _parts = together.ShardsMoments ? new OwnParts(Trained, _gradients, together) : null;
        }
        Optimizers = _parts?.Build(_optimizer) ?? _optimizer.Build(Trained);
        TokensPerStep = Whole(
            (double)options.BatchSize * source.RowLength * options.Accumulation,
            "train.batch_size × rows' length × train.accumulation",
            "tokens a step"
        );
        TotalSteps =
            options.Steps
            ?? (
                options.Tokens is { } tokens ? Whole(Math.Ceiling(tokens / (double)TokensPerStep), "train.tokens", "steps")
                : options.Epochs is { } epochs
                    ? Whole(
                        new EpochBudget(epochs, source.RowCount).Steps((long)options.BatchSize * options.Accumulation),
                        "train.epochs",
                        "steps"
                    )
                : null
            );
        Facts = new RunFacts(Trained.ElementCount, model.FlopsPerToken, TokensPerStep, null);
        LossBound = 5 * Math.Log(model.VocabSize);
    }

    /// <summary>The parameters that move.</summary>
    public Parameters Trained { get; }

    /// <summary>What moves them; their state goes into checkpoints.</summary>
    public IReadOnlyList<IOptimizer> Optimizers { get; }

    /// <summary>What training keeps in this process, by formula.</summary>
    public RankMemory Memory =>
        RankMemory.Of(Trained, _optimizer, _gradients, _together, _options.Accumulation / (_together?.Ranks.Size ?? 1));

    /// <summary>Most tokens that a step can see.</summary>
    public int TokensPerStep { get; }

    /// <summary>Steps of the whole run; null where a budget in minutes is not yet turned into steps.</summary>
    public int? TotalSteps { get; }

    /// <summary>Sizes, as logs are told them.</summary>
    public RunFacts Facts { get; set; }

    /// <summary>A loss above it means that training has diverged; by default five times that of guessing a token.</summary>
    public double LossBound { get; set; }

    /// <summary>One pass of held-out batches for validation, or null.</summary>
    public IBatchSource<TBatch>? HeldOut { get; init; }

    /// <summary>Where training tells what happens.</summary>
    public IReadOnlyList<ITrainLog> Logs { get; init; } = [];

    /// <summary>Bytes of text behind the labels of a batch, for bits per byte (see <see cref="LabelBytes"/>); null: unknown.</summary>
    public Func<TBatch, long>? TextBytes { get; init; }

    /// <summary>Where warnings go.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Reports samples after so many steps, as often as <see cref="TrainOptions.SampleEvery"/> says; null: there are
    /// none.</summary>
    public Action<int>? Sample { get; init; }

    /// <summary>Saves a checkpoint of this progress and returns its path, as often as <see cref="TrainOptions.SaveEvery"/> says, at the
    /// best validation and at the end; null: nothing is saved.</summary>
    public Func<TrainProgress, string>? Save { get; init; }

    /// <summary>Path of the newest whole checkpoint, for messages.</summary>
    public Func<string?>? LastCheckpoint { get; init; }

    /// <summary>The validation before the first step, when this call began at it.</summary>
    public Validation? FirstValidation { get; private set; }

    /// <summary>The last validation.</summary>
    public Validation? LastValidation { get; private set; }

    /// <summary>Whether held-out loss has not fallen for as long as <see cref="TrainOptions.Patience"/> allows.</summary>
    public bool EndedEarly { get; private set; }

    /// <summary>Wall time of all steps together.</summary>
    public double StepSeconds { get; private set; }

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    /// <param name="start">how far the run is already: of a checkpoint whose model, optimizer state and cursor have been read; absent: at
    /// its beginning</param>
    /// <param name="cancelled">ends the run after a step</param>
    /// <exception cref="DivergenceException">Loss or gradient is no number, or the loss is far above that of guessing.</exception>
    public TrainProgress Run(TrainProgress start = default, CancellationToken cancelled = default)
    {
        using SharedGradients? gradients = _gradients;
        using CancellationTokenSource agreed = new();
        (CancellationToken asked, ICommunicator? ranks) = (cancelled, _together?.Ranks);
        cancelled = ranks is { Size: > 1 } ? agreed.Token : cancelled; // all stop behind the same step
        _model.Recompute = _options.Recompute;
        _model.Device.Int8Products = false; // held-out losses and samples are those of the weights as training multiplies them
        TrainStep<TBatch> step = new(
            _model.Device,
            Trained,
            _objective,
            _source,
            Optimizers,
            _options.BatchSize,
            _options.Accumulation,
            _optimizer.Clip
        )
        {
            Model = _model,
            Seed = (ulong)_options.Seed,
            TextBytes = TextBytes,
            Together = _together,
            Gradients = _gradients,
            Parts = _parts,
            Stop = (asked, agreed.Cancel),
        };
        Func<Validation>? validate = null;
        if (HeldOut is { } heldOut)
        {
            TBatch batch = heldOut.NewBatch(_options.BatchSize);
            validate = () =>
                Validation.Measure(_model.Device, _objective, heldOut, TextBytes, batch, _options.EvalBatches, ranks, cancelled);
        }
        TrainLoop loop = new(
            new LoopSettings(
                TotalSteps,
                _options.Minutes,
                _options.EvalEvery,
                Sample is null ? 0 : _options.SampleEvery,
                _options.SaveEvery,
                _optimizer.LearningRate,
                LossBound
            )
            {
                Patience = _options.Patience,
            },
            new LoopParts(
                step.Run,
                LrScale,
                validate,
                number => Whole(() => Sample?.Invoke(number)),
                Save is { } save ? progress => Saved(save, progress) : null,
                LastCheckpoint ?? (() => null)
            )
            {
                WithModel = Whole,
                Agree = number => ranks?.From(0, number) ?? number,
            },
            Facts,
            Logs
        );
        gradients?.Weights?.Shard();
        _model.Entering = gradients?.Weights is { } weights ? weights.Enter : null;
        TrainProgress end = loop.Run(start, cancelled);
        _model.Entering = null;
        gradients?.Weights?.Whole();
        (FirstValidation, LastValidation, EndedEarly, StepSeconds) = (
            loop.FirstValidation,
            loop.LastValidation,
            loop.EndedEarly,
            loop.StepSeconds
        );
        return end;
    }

    private string Saved(Func<TrainProgress, string> save, TrainProgress progress)
    {
        string path = "";
        Whole(() => path = save(progress));
        return path;
    }

    private void Whole(Action work)
    {
        if (_gradients is { } gradients)
        {
            gradients.WithWhole(work);
        }
        else
        {
            work();
        }
    }

    private double LrScale(int step, int total)
    {
        if (_rate is null || _rate.TotalSteps != total)
        {
            ScheduleOptions schedule = _schedule ?? new ScheduleOptions { WarmupSteps = Math.Min(100, total / 10) };
            if (_options.Minutes is not null && RunPlan.EndsInWarmup(total, schedule.WarmupSteps) is { } warning)
            {
                Warn?.Invoke(warning);
            }
            _rate = schedule.Over(total);
        }
        return _rate.At(step);
    }

    private static int Whole(double count, string of, string what) =>
        count <= int.MaxValue
            ? (int)count
            : throw new InvalidDataException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{of} comes to {count:0.###e+0} {what}, which is more than {int.MaxValue}; make it less"
                )
            );
}
