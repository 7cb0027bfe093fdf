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
        RunStart start = RunStart.Of(recipe, options, [.. recipe.Data.Train, .. recipe.Data.Valid, recipe.Model.Path, recipe.Tokenizer, File.Exists(recipe.Template) ? recipe.Template : null]);
        _basePath = CheckpointFolder.Resolve(recipe.Model.Path);
        if (!Directory.Exists(_basePath) && !File.Exists(_basePath))
        {
            throw new FileNotFoundException($"model.path names {recipe.Model.Path}, which does not exist; name a model directory, a .gguf file or a run with --model");
        }
        string tokenizerPath = recipe.Tokenizer ?? _basePath;
        RunStart.NeedTokenizer(tokenizerPath);
        _tokenizer = WithTemplate(ModelTokenizer.Told(ModelTokenizer.Load(tokenizerPath), options.Warn), recipe.Template).WithPadToken();
        _templates = recipe.Template is null && Directory.Exists(tokenizerPath) ? tokenizerPath : null;
        _template = ChatTemplate.For(_tokenizer);
        Conversations = Read(options.Warn);
        _model = RunModel.CheckVocabulary(OpenModel(start.Checkpoint), _basePath, _tokenizer, tokenizerPath);
        _model.Pretraining = false;
        if (PeftAdapter.Caution(_model) is { } caution)
        {
            options.Warn(caution);
        }
        _model.Noise.EmbeddingAlpha = recipe.Data.NeftuneAlpha;

        ConversationSection data = recipe.Data;
        ExampleLoaderOptions loading = new(recipe.Train.BatchSize, data.MaxLength, data.Batching, data.Shuffle ? (ulong)recipe.Train.Seed : null, PadId: _tokenizer.PadId ?? 0, Epochs: recipe.Train.Epochs);
        ExampleLoader source = new(Conversations.Train, loading);
        ExampleLoader? held = Conversations.Valid.Count == 0 ? null : new(Conversations.Valid, loading with { ShuffleSeed = null, Finite = true, Epochs = null });
        _run = new TrainRun(recipe, start, new RunParts(_model, _tokenizer, source, held, RunData.Of(Conversations), FromNothing: false,
            DocumentAware: true, WriteModel, (prompt, tokens, seed) => RunSample.Answer(_model, _tokenizer, _template, recipe.TemplateVariables, prompt, tokens, seed)));
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

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

    /// <summary>A tokenizer with the chat template that a recipe or <c>--template</c> names: a file, or chatml; null leaves its own.</summary>
    public static Tokenizer WithTemplate(Tokenizer tokenizer, string? template)
        => template is null ? tokenizer : tokenizer.WithChatTemplate(template == "chatml" ? ChatTemplate.ChatMl
            : File.Exists(template) ? File.ReadAllText(template) : throw new FileNotFoundException($"template names {template}, which does not exist; give a .jinja file or chatml"));

    private ConversationSet Read(Action<string> warn)
    {
        ConversationReader reader = new();
        ConversationSection data = _recipe.Data;
        ChatMasks masks = new(_template, _tokenizer, new ChatMaskOptions(data.SplitTurns, Everything: !data.CompletionsOnly, _recipe.TemplateVariables));
        ILookup<bool, string> train = InputFiles.Find(data.Train).ToLookup(TokenizedExamples.Are), valid = InputFiles.Find(data.Valid).ToLookup(TokenizedExamples.Are);
        ConversationSet set = ConversationSet.Make(reader.Read(train[false]), reader.Read(valid[false]), data, masks, train[true].SelectMany(TokenizedExamples.Read), valid[true].SelectMany(TokenizedExamples.Read));
        if (_template.SplitSpecialTokens(_tokenizer) is { Count: > 0 } split)
        {
            warn($"the chat template writes {string.Join(", ", split)}, which the tokenizer has no token for and cuts into pieces: add the tokens, or use another template");
        }
        foreach (SkippedRecords skipped in reader.Report.Skipped)
        {
            warn(skipped.Sentence("record", "skipped"));
        }
        foreach (SkippedRecords skipped in set.Skipped)
        {
            warn(skipped.Sentence("example", "skipped"));
        }
        if (set.Truncated is { } truncated)
        {
            warn(truncated.Sentence("example", "shortened"));
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
            PeftAdapter.Write(adapter, directory, _basePath);
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
