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
    private readonly List<TokenShard> _train, _valid;
    private readonly CausalLm _model;
    private readonly TrainRun _run;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Pretrain(Recipe recipe, Device device, RunOptions options)
    {
        (_recipe, _device) = (recipe, device);
        RunStart start = RunStart.Of(recipe.Out, options);
        DataSection data = recipe.Data;
        _tokenizer = ModelTokenizer.Told(Tokenizer.Load(recipe.Tokenizer), options.Warn);
        _train = RunShards.Open(data.Train, "train", recipe.Tokenizer, _tokenizer);
        _valid = RunShards.Open(data.Valid, "valid", recipe.Tokenizer, _tokenizer);
        _model = OpenModel(start.Checkpoint);
        _tokenizer = ModelTokenizer.ForFamily(_tokenizer, _model.Config.Text("model_type"), recipe.Tokenizer, options.Warn);
        PackedLoader source = new(_train, new PackedLoaderOptions(data.SequenceLength, data.DocumentAware, data.Shuffle ? (ulong)recipe.Train.Seed : null));
        PackedLoader? held = _valid.Count == 0 ? null : new(_valid, new PackedLoaderOptions(data.SequenceLength, data.DocumentAware, Finite: true));
        _run = new TrainRun(recipe, start, new RunParts(_model, _model.Parameters, _tokenizer, source, held, data.SequenceLength, data.DocumentAware,
            Validation.BytesPerToken(_train), Validation.BytesPerToken(_valid), directory => RunModel.Write(_model, _tokenizer, [], directory),
            (prompt, tokens, seed) => RunSample.Continue(_model, _tokenizer, prompt, tokens, seed)));
    }

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
        string? start = checkpoint ?? (_recipe.Model.Preset is { } preset && Directory.Exists(preset) ? CheckpointFolder.Resolve(preset) : null);
        CausalLm model = start is not null ? Pretrained.Open(start, _device)
            : Pretrained.New(HfConfig.Parse(_recipe.Model.Config(_tokenizer.VocabularySize, _tokenizer.BosId, _tokenizer.EosId).ToJsonString(), "the recipe's model"),
                _device, (ulong)_recipe.Train.Seed);
        return RunModel.CheckVocabulary(model, start ?? "the recipe's model", _tokenizer, _recipe.Tokenizer);
    }
}
