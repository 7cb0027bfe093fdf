using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A pretraining run: recipe → token shards, model, run.</summary>
public sealed class Pretrain : IDisposable
{
    private readonly Recipe _recipe;
    private readonly Device _device;
    private readonly Tokenizer _tokenizer;
    private readonly List<TokenShard> _train,
        _valid;
    private readonly CausalLm _model;
    private readonly TrainRun<Batch> _run;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Pretrain(Recipe recipe, Device device, RunOptions options)
    {
        recipe = recipe with { Train = options.Deal(recipe.Train) };
        (_recipe, _device) = (recipe, device);
        DataSection data = recipe.Data;
        string? named = recipe.Model.Preset,
            model = named is null || File.Exists(named) ? named : Presets.ModelDirectory(named);
        RunStart start = RunStart.Prepare(recipe, options, [.. data.Train, .. data.Valid, recipe.Tokenizer, model]);
        RunStart.NeedTokenizer(recipe.Tokenizer);
        _tokenizer = ModelTokenizer.Told(Tokenizer.Load(recipe.Tokenizer), options.Warn).WithPadToken();
        _train = RunShards.Open(data.Train, "train", recipe.Tokenizer, _tokenizer);
        _valid = RunShards.Open(data.Valid, "valid", recipe.Tokenizer, _tokenizer);
        _model = OpenModel(start.Checkpoint);
        _tokenizer = ModelTokenizer.ForFamily(_tokenizer, _model.Config.Text("model_type"), recipe.Tokenizer, options.Warn);
        PackedLoader source = new(
            _train,
            new PackedLoaderOptions(
                data.SequenceLength,
                data.DocumentAware,
                data.Shuffle ? (ulong)recipe.Train.Seed : null,
                Epochs: recipe.Train.Epochs
            )
        );
        PackedLoader? held =
            _valid.Count == 0 ? null : new(_valid, new PackedLoaderOptions(data.SequenceLength, data.DocumentAware, Finite: true));
        bool fromNothing = recipe.Model.Preset is not { } preset || Presets.ModelDirectory(preset) is null;
        _run = new TrainRun<Batch>(
            recipe,
            start,
            new RunParts<Batch>(
                _model,
                _tokenizer,
                source,
                held,
                RunData.Describe(_train, _valid, data.SequenceLength),
                fromNothing,
                NextToken.Create(_model, data.DocumentAware),
                directory => RunModel.Write(_model, _tokenizer, [], directory),
                (prompt, tokens, seed) => RunSample.Continue(_model, _tokenizer, prompt, tokens, seed)
            )
            {
                TextBytes = new LabelBytes(_tokenizer).Count,
            }
        );
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled) => _run.Run(screen, cancelled);

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        _train.ForEach(s => s.Dispose());
        _valid.ForEach(s => s.Dispose());
    }

    private CausalLm OpenModel(string? checkpoint)
    {
        string? start =
            checkpoint
            ?? (
                _recipe.Model.Preset is { } preset && Presets.ModelDirectory(preset) is { } directory
                    ? CheckpointFolder.Resolve(directory)
                    : null
            );
        CausalLm model = start is not null
            ? Pretrained.Open(start, _device)
            : Pretrained.New(
                HfConfig.Parse(
                    _recipe.Model.Config(_tokenizer.VocabularySize, TokenIds.FromTokenizer(_tokenizer)).ToJsonString(),
                    "the recipe's model"
                ),
                _device,
                (ulong)_recipe.Train.Seed
            );
        return RunModel.CheckVocabulary(model, start ?? "the recipe's model", _tokenizer, _recipe.Tokenizer);
    }
}
