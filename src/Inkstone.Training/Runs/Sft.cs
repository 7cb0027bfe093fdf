using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A supervised fine-tuning run: recipe → conversations, model with or without an adapter, run.</summary>
public sealed class Sft : IDisposable
{
    private const string FinalFolder = "final", BestFolder = "best";

    private readonly SftRecipe _recipe;
    private readonly Device _device;
    private readonly string _basePath;
    private readonly Tokenizer _tokenizer;
    private readonly string? _templates;    // directory whose further templates go with the tokenizer
    private readonly ChatTemplate _template;
    private readonly CausalLm _model;
    private readonly TrainRun _run;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Sft(SftRecipe recipe, Device device, RunOptions options)
    {
        (_recipe, _device) = (recipe, device);
        RunStart start = RunStart.Of(recipe.Out, options, [.. recipe.Data.Train, .. recipe.Data.Valid, recipe.Model.Path, recipe.Tokenizer, File.Exists(recipe.Template) ? recipe.Template : null]);
        _basePath = CheckpointFolder.Resolve(recipe.Model.Path);
        if (!Directory.Exists(_basePath) && !File.Exists(_basePath))
        {
            throw new FileNotFoundException($"model.path names {recipe.Model.Path}, which does not exist; name a model directory, a .gguf file or a run with --model");
        }
        string tokenizerPath = recipe.Tokenizer ?? _basePath;
        _tokenizer = WithTemplate(ModelTokenizer.Load(tokenizerPath), recipe.Template).WithPadToken();
        _templates = recipe.Template is null && Directory.Exists(tokenizerPath) ? tokenizerPath : null;
        _template = ChatTemplate.For(_tokenizer);
        Conversations = Read(options.Warn);
        _model = RunModel.CheckVocabulary(OpenModel(start.Checkpoint), _basePath, _tokenizer, tokenizerPath);
        _model.Pretraining = false;
        _model.Noise.EmbeddingAlpha = recipe.Data.NeftuneAlpha;

        ConversationSection data = recipe.Data;
        ExampleLoaderOptions loading = new(recipe.Train.BatchSize, data.MaxLength, data.Batching, data.Shuffle ? (ulong)recipe.Train.Seed : null, PadId: _tokenizer.PadId ?? 0);
        ExampleLoader source = new(Conversations.Train, loading);
        ExampleLoader? held = Conversations.Valid.Count == 0 ? null : new(Conversations.Valid, loading with { ShuffleSeed = null, Finite = true });
        _run = new TrainRun(recipe, start, new RunParts(_model, _model.Adapter?.Parameters ?? _model.Parameters, _tokenizer, source, held, data.MaxLength,
            DocumentAware: true, double.NaN, double.NaN, WriteModel, (prompt, tokens, seed) => RunSample.Answer(_model, _tokenizer, _template, prompt, tokens, seed)));
    }

    /// <summary>What the data became.</summary>
    public ConversationSet Conversations { get; }

    /// <summary>Trains to the end, or until cancelled and saved. A whole adapter run leaves the last and the best adapter in OUT/final and OUT/best.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunResult result = _run.Run(screen, cancelled);
        if (_model.Adapter is not null && !result.Interrupted && result.Checkpoint is { } last)
        {
            Copy(last, FinalFolder);
            Copy(result.Best ?? last, BestFolder);
        }
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private static Tokenizer WithTemplate(Tokenizer tokenizer, string? template)
        => template is null ? tokenizer : tokenizer.WithChatTemplate(template == "chatml" ? ChatTemplate.ChatMl
            : File.Exists(template) ? File.ReadAllText(template) : throw new FileNotFoundException($"template names {template}, which does not exist; give a .jinja file or chatml"));

    private ConversationSet Read(Action<string> warn)
    {
        ConversationReader reader = new();
        ConversationSet set = ConversationSet.Make(reader.Read(InputFiles.Find(_recipe.Data.Train)), reader.Read(InputFiles.Find(_recipe.Data.Valid)), _recipe.Data, new ChatMasks(_template, _tokenizer));
        foreach (SkippedRecords skipped in reader.Report.Skipped)
        {
            warn($"{skipped.Count} records were skipped: {skipped.Reason} ({string.Join(", ", skipped.Places)})");
        }
        foreach ((string reason, int count) in set.Skipped)
        {
            warn($"{count} conversations were skipped: {reason}");
        }
        if (set.Truncated > 0)
        {
            warn($"{set.Truncated} conversations were cut at data.max_length {_recipe.Data.MaxLength}");
        }
        return set.Train.Count > 0 ? set : throw new InvalidDataException($"data.train holds no conversation to learn from ({string.Join(", ", _recipe.Data.Train)})");
    }

    private CausalLm OpenModel(string? checkpoint)
    {
        return _recipe.Adapter is null ? Pretrained.Open(checkpoint ?? _basePath, _device)
            : checkpoint is null ? PeftAdapter.New(_basePath, _recipe.Adapter, (ulong)_recipe.Train.Seed, _device, _recipe.Model.BelowAdapter)
            : PeftAdapter.Open(_basePath, checkpoint, _device, _recipe.Model.BelowAdapter);
    }

    private void WriteModel(string directory)
    {
        // Those that the model itself ends at stay, where the tokenizer is still its own.
        int[] ends = [.. _template.EndOfTurn(_tokenizer).Select(_tokenizer.TokenToId).OfType<int>(), .. _recipe.Tokenizer is null && _model.GenerationConfig is { } own ? own.Ints("eos_token_id") : []];
        if (_model.Adapter is { } adapter)
        {
            PeftAdapter.Write(adapter, directory, Path.GetFullPath(_basePath));
            AtomicFile.WriteText(Path.Combine(directory, HfDirectory.GenerationConfigFile), TokenIds.GenerationConfig(_tokenizer, ends, _model.GenerationConfig));
        }
        else
        {
            RunModel.Write(_model, _tokenizer, ends, directory);
        }
        CopyTemplates(directory);
    }

    private void Copy(string checkpoint, string name)
        => AtomicDirectory.Write(Path.Combine(_recipe.Out, name), overwrite: true, place =>
        {
            foreach (string file in (string[])[PeftAdapter.ConfigFile, PeftAdapter.WeightsFile, HfDirectory.GenerationConfigFile])
            {
                File.Copy(Path.Combine(checkpoint, file), Path.Combine(place, file));
            }
            _tokenizer.Save(place);
            CopyTemplates(place);
        });

    private void CopyTemplates(string place)
    {
        if (_templates is not null)
        {
            Companions.CopyTemplates(_templates, place);
        }
    }
}
