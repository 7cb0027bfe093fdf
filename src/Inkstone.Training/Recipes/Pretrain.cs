using System.Text;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>How a run is started.</summary>
/// <param name="Resume">Go on from the newest checkpoint in OUT.</param>
/// <param name="Force">Begin anew although OUT holds a run.</param>
/// <param name="Roof">Measured peak of the matrix product, FLOP/s, or null.</param>
/// <param name="Warn">Where warnings go.</param>
public sealed record PretrainOptions(bool Resume, bool Force, double? Roof, Action<string> Warn);

/// <summary>How a run ended.</summary>
/// <param name="Progress">How far it came.</param>
/// <param name="Interrupted">True when it was stopped before its end.</param>
/// <param name="Checkpoint">The newest checkpoint, or null.</param>
/// <param name="Best">The best checkpoint by validation, or null.</param>
/// <param name="Facts">Sizes.</param>
/// <param name="First">Validation before the first step, when this call began the run.</param>
/// <param name="Last">The last validation of this call.</param>
/// <param name="TokensPerSecond">Tokens over the wall time of this call's steps; NaN without steps.</param>
public sealed record PretrainResult(TrainProgress Progress, bool Interrupted, string? Checkpoint, string? Best, RunFacts Facts,
    Validation? First, Validation? Last, double TokensPerSecond);

/// <summary>The wiring of a pretraining run: recipe → tokens, model, optimizers, checkpoints, loop.</summary>
public sealed class Pretrain : IDisposable
{
    /// <summary>A run without a checkpoint begins anew, its measurement before the first step (step 0) included.</summary>
    private const int NothingDone = -1;

    private readonly Recipe _recipe;
    private readonly Device _device;
    private readonly PretrainOptions _options;
    private readonly Tokenizer _tokenizer;
    private readonly CheckpointFolder _checkpoints;
    private readonly TrainState? _resumed;
    private readonly List<TokenShard> _train, _valid;
    private readonly CausalLm _model;
    private readonly IReadOnlyList<IOptimizer> _optimizers;
    private readonly PackedLoader _loader;
    private LearningRate? _rate;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Pretrain(Recipe recipe, Device device, PretrainOptions options)
    {
        (_recipe, _device, _options) = (recipe, device, options);
        RunDirectory.Check(recipe.Out, options.Resume, options.Force);
        _checkpoints = new CheckpointFolder(recipe.Out);
        _tokenizer = Tokenizer.Load(recipe.Tokenizer);
        _train = RunShards.Open(recipe.Data.Train, "train", recipe.Tokenizer, _tokenizer);
        _valid = RunShards.Open(recipe.Data.Valid, "valid", recipe.Tokenizer, _tokenizer);
        string? checkpoint = options.Resume && _checkpoints.Steps() is { Count: > 0 } steps ? _checkpoints.Of(steps[^1]) : null;
        _resumed = checkpoint is null ? null : TrainState.Read(checkpoint);
        _model = OpenModel(checkpoint);
        _optimizers = Optimizers();
        _loader = new PackedLoader(_train, new PackedLoaderOptions(recipe.Data.SequenceLength, recipe.Data.DocumentAware,
            recipe.Data.Shuffle ? (ulong)recipe.Train.Seed : null));
        if (checkpoint is not null)
        {
            OptimizerState.Read(checkpoint, _optimizers);
            _loader.State = _resumed!.Cursor;
            RecipeChanges.Tell(_resumed.Recipe, recipe.Resolved, options.Warn);
        }
        RunEstimate.Of(_model, recipe.Train.BatchSize, recipe.Data.SequenceLength).Check(recipe.Out, options.Warn);
        Facts = new RunFacts(_model.Parameters.ElementCount, ActiveParameters(), TokensPerStep, options.Roof);
    }

    /// <summary>Sizes of the run.</summary>
    public RunFacts Facts { get; }

    private int TokensPerStep => checked(_recipe.Train.BatchSize * _recipe.Data.SequenceLength * _recipe.Train.Accumulation);

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    public PretrainResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunDirectory.Prepare(_recipe.Out, _options.Resume);
        _checkpoints.Clean();
        AtomicFile.WriteText(Path.Combine(_recipe.Out, "recipe.resolved.yaml"), _recipe.Resolved);
        int done = _resumed?.Step ?? 0;
        using MetricsFile metrics = new(_recipe.Out, _resumed?.Step ?? NothingDone);
        using TensorBoardFile board = new(_recipe.Out, TimeProvider.System);
        List<ITrainLog> logs = [metrics, board];
        if (screen is not null)
        {
            logs.Add(screen);
        }
        (DataSection data, TrainSection train) = (_recipe.Data, _recipe.Train);
        Objective objective = NextToken.Of(_model, data.DocumentAware);
        TrainStep step = new(_device, _model.Parameters, objective, _loader, _optimizers, train.BatchSize, data.SequenceLength, train.Accumulation, _recipe.Optimizer.Clip);
        Batch held = new(train.BatchSize, data.SequenceLength);
        Func<Validation>? validate = _valid.Count == 0 ? null
            : () => Validation.Measure(_device, objective, _valid, held, data.DocumentAware, train.EvalBatches);
        TrainLoop loop = new(
            new LoopSettings(TotalSteps(), train.Minutes, train.EvalEvery, train.SampleEvery, train.SaveEvery, TokensPerStep,
                _recipe.Optimizer.LearningRate, 5 * Math.Log(_model.VocabSize), Validation.BytesPerToken(_train)),
            new LoopParts(step.Run, Multiple, validate, at => Sample(at, logs), Save, LastCheckpoint),
            Facts, logs);
        TrainProgress end = loop.Run(new TrainProgress(done, _resumed?.TotalSteps ?? 0, _resumed?.Tokens ?? 0, _resumed?.BestStep, _resumed?.BestLoss), cancelled);
        double rate = loop.StepSeconds > 0 ? (end.Tokens - (_resumed?.Tokens ?? 0)) / loop.StepSeconds : double.NaN;
        return new PretrainResult(end, end.TotalSteps == 0 || end.Step < end.TotalSteps, LastCheckpoint(),
            end.BestStep is { } best ? _checkpoints.Of(best) : null, Facts, loop.FirstValidation, loop.LastValidation, rate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        _train.ForEach(s => s.Dispose());
        _valid.ForEach(s => s.Dispose());
    }

    private CausalLm OpenModel(string? checkpoint)
    {
        string? start = checkpoint ?? (_recipe.Model.Preset is { } preset && Directory.Exists(preset) ? CheckpointFolder.Resolve(preset) : null);
        CausalLm model = start is not null ? Pretrained.Open(start, _device)
            : Pretrained.New(HfConfig.Parse(_recipe.Model.Config(_tokenizer.VocabularySize, _tokenizer.BosId, _tokenizer.EosId).ToJsonString(), "the recipe's model"),
                _device, (ulong)_recipe.Train.Seed);
        return model.VocabSize >= _tokenizer.VocabularySize ? model
            : throw new InvalidDataException($"the model {start} has {model.VocabSize} ids, but the tokenizer {_recipe.Tokenizer} has {_tokenizer.VocabularySize}; use the tokenizer of that model");
    }

    private IReadOnlyList<IOptimizer> Optimizers()
    {
        OptimizerSection o = _recipe.Optimizer;
        AdamWSettings adam = new(o.LearningRate, o.Beta1, o.Beta2, o.Eps, o.WeightDecay);
        return o.Name == "adamw" ? [new AdamW(_model.Parameters, adam)]
            : [new Muon(_model.Parameters.Where(Muon.Takes), new MuonSettings(o.MuonLearningRate, WeightDecay: o.MuonWeightDecay)),
                new AdamW(_model.Parameters.Where(p => !Muon.Takes(p)), adam)];
    }

    private int? TotalSteps() => _recipe.Train.Steps
        ?? (_recipe.Train.Tokens is { } tokens ? checked((int)((tokens + TokensPerStep - 1) / TokensPerStep)) : null);

    /// <summary>Numbers that multiply each token: all matrices, where an untied input embedding only looks rows up.</summary>
    private long ActiveParameters()
    {
        long sum = 0;
        foreach (Parameter p in _model.Parameters)
        {
            sum += p.Tensor.Shape.Rank >= 2 ? p.Tensor.Count : 0;
        }
        bool tied = _model.Config.Bool("tie_word_embeddings", false);
        return tied ? sum : sum - _model.OutputWeight.Count;
    }

    private double Multiple(int step, int total)
    {
        if (_rate is null || _rate.TotalSteps != total)
        {
            ScheduleSection s = _recipe.Schedule;
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
            string text = RunSample.Continue(_model, _tokenizer, prompt, _recipe.Train.SampleTokens, (ulong)(_recipe.Train.Seed + step));
            foreach (ITrainLog log in logs)
            {
                log.Sample(step, prompt, text);
            }
        }
    }

    private string? LastCheckpoint() => _checkpoints.Steps() is { Count: > 0 } steps ? _checkpoints.Of(steps[^1]) : null;

    private string Save(TrainProgress at)
    {
        TrainState state = new(at.Step, at.TotalSteps, at.Tokens, _loader.State.Epoch, _loader.State.Position, at.BestStep, at.BestLoss, _recipe.Resolved);
        return _checkpoints.Save(state, _recipe.Train.Keep, directory =>
        {
            AtomicFile.WriteText(Path.Combine(directory, HfDirectory.ConfigFile), _model.Config.ToJson());
            AtomicFile.WriteText(Path.Combine(directory, HfDirectory.GenerationConfigFile), GenerationConfig());
            SafetensorsWriter.WriteModel(directory, [.. _model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))]);
            OptimizerState.Write(directory, _optimizers);
            _tokenizer.Save(directory);
        });
    }

    private string GenerationConfig()
    {
        StringBuilder json = new("{\n");
        if (_tokenizer.BosId is { } bos)
        {
            json.Append(System.Globalization.CultureInfo.InvariantCulture, $"  \"bos_token_id\": {bos},\n");
        }
        if (_tokenizer.EosId is { } eos)
        {
            json.Append(System.Globalization.CultureInfo.InvariantCulture, $"  \"eos_token_id\": {eos},\n");
        }
        return json.Append("  \"do_sample\": true,\n  \"temperature\": 0.8,\n  \"top_p\": 0.95\n}\n").ToString();
    }
}
