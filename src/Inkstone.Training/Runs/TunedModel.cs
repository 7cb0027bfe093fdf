using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>What a recipe has that begins at a model: fine-tuning, preferences, distillation.</summary>
public interface ITuningRecipe : IRecipe
{
    /// <summary>Where it starts.</summary>
    BaseModelSection Model { get; }

    /// <summary>A new low-rank adapter that is trained; null trains all weights, or goes on with the adapter that <see cref="Model"/>
    /// names.</summary>
    LoraConfig? Adapter { get; }

    /// <summary>Directory or tokenizer.json; null: the model's own.</summary>
    string? Tokenizer { get; }

    /// <summary>A .jinja file, or chatml; null: the tokenizer's own.</summary>
    string? Template { get; }

    /// <summary>Further variables of the template.</summary>
    JsonObject? TemplateVariables { get; }
}

/// <summary>
/// The model that a run begins at, with its tokenizer and template: all of its weights, a new adapter on it, or an adapter that is there
/// already. And what such a run writes.
/// </summary>
internal sealed class TunedModel : IDisposable
{
    public const string FinalFolder = "final",
        BestFolder = "best";

    private readonly ITuningRecipe _recipe;
    private readonly string _below,
        _tokenizerPath;
    private readonly string? _adapterPath; // of the adapter that the run goes on with
    private readonly string? _templates; // directory whose further templates go with the tokenizer
    private readonly ChatTemplate? _template;
    private CausalLm? _model;

    /// <summary>Finds everything and reads the tokenizer; the model comes with <see cref="Open"/>.</summary>
    public TunedModel(ITuningRecipe recipe, Action<string> warn)
    {
        _recipe = recipe;
        string path = CheckpointFolder.Resolve(recipe.Model.Path);
        if (!Directory.Exists(path) && !File.Exists(path))
        {
            throw new FileNotFoundException(
                $"model.path names {recipe.Model.Path}, which does not exist; name a model directory, a .gguf file or a run with --model"
            );
        }
        _below = path;
        if (Directory.Exists(path) && PeftAdapter.IsAdapter(path))
        {
            if (recipe.Adapter is not null)
            {
                throw new InvalidDataException(
                    $"model.path {recipe.Model.Path} is an adapter, and the recipe's adapter section asks for another on top of it; leave the section out to go on with that adapter, or merge it first: ink merge --adapter {recipe.Model.Path} --out DIR"
                );
            }
            _adapterPath = path;
            _below =
                PeftAdapter.BaseOf(path)
                ?? throw new InvalidDataException(
                    $"{Path.Combine(path, PeftAdapter.ConfigFile)} names no base_model_name_or_path; add it."
                );
        }
        _tokenizerPath =
            recipe.Tokenizer
            ?? (_adapterPath is not null && File.Exists(Path.Combine(_adapterPath, "tokenizer.json")) ? _adapterPath : _below);
        RunStart.NeedTokenizer(_tokenizerPath);
        Tokenizer = Sft.WithTemplate(ModelTokenizer.Told(ModelTokenizer.Load(_tokenizerPath), warn), recipe.Template).WithPadToken();
        _templates = recipe.Template is null && Directory.Exists(_tokenizerPath) ? _tokenizerPath : null;
        _template = ChatTemplate.TryFor(Tokenizer);
    }

    /// <summary>The tokenizer, with the template.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The chat template; an error where there is none.</summary>
    public ChatTemplate Template => _template ?? ChatTemplate.For(Tokenizer);

    /// <summary>Whether there is a chat template.</summary>
    public bool HasTemplate => _template is not null;

    /// <summary>The directory or file of the model below.</summary>
    public string BaseModel => _below;

    /// <summary>The model, once it is open.</summary>
    public CausalLm Model => _model ?? throw new InvalidOperationException("the model is not open yet");

    /// <summary>Opens the model, as a checkpoint has it where there is one.</summary>
    /// <param name="checkpoint">of a run that goes on, or null</param>
    /// <param name="device">where it computes</param>
    /// <param name="warn">where warnings go</param>
    public CausalLm Open(string? checkpoint, Device device, Action<string> warn)
    {
        CausalLm model =
            _recipe.Adapter is not null && checkpoint is null
                ? PeftAdapter.New(_below, _recipe.Adapter, (ulong)_recipe.Train.Seed, device, _recipe.Model.BelowAdapter)
            : _recipe.Adapter is not null || _adapterPath is not null
                ? PeftAdapter.Open(_below, checkpoint ?? _adapterPath!, device, _recipe.Model.BelowAdapter)
            : Pretrained.Open(checkpoint ?? _below, device);
        _model = RunModel.CheckVocabulary(model, _below, Tokenizer, _tokenizerPath);
        _model.Pretraining = false;
        if (PeftAdapter.Caution(_model) is { } caution)
        {
            warn(caution);
        }
        return _model;
    }

    /// <summary>Writes configuration and weights, or the adapter, into a checkpoint.</summary>
    public void Write(string directory)
    {
        // Those that the model itself ends at stay, where the tokenizer is still its own.
        int[] ends = Ends();
        if (Model.Adapter is { } adapter)
        {
            PeftAdapter.Write(adapter, directory, _below);
            AtomicFile.WriteText(
                Path.Combine(directory, HfDirectory.GenerationConfigFile),
                TokenIds.GenerationConfig(Tokenizer, ends, Model.GenerationConfig)
            );
        }
        else
        {
            RunModel.Write(Model, Tokenizer, ends, directory);
        }
        CopyTemplates(directory);
    }

    /// <summary>Tokens at which an answer ends.</summary>
    public int[] Ends() =>
        [
            .. (_template?.EndOfTurn(Tokenizer) ?? []).Select(Tokenizer.TokenToId).OfType<int>(),
            .. _recipe.Tokenizer is null && Model.GenerationConfig is { } own ? own.Ints("eos_token_id") : [],
        ];

    /// <summary>A whole adapter run leaves the last and the best adapter in OUT/final and OUT/best.</summary>
    /// <param name="result">how the run ended</param>
    /// <param name="leads">whether this process is the one that writes</param>
    public void Keep(RunResult result, bool leads)
    {
        if (leads && Model.Adapter is not null && !result.Interrupted && result.Checkpoint is { } last)
        {
            Copy(last, FinalFolder);
            Copy(result.Best ?? last, BestFolder);
        }
    }

    /// <summary>What the model answers to a user, or how it goes on where there is no template.</summary>
    public string Answer(string prompt, int tokens, ulong seed) =>
        _template is null
            ? RunSample.Continue(Model, Tokenizer, prompt, tokens, seed)
            : RunSample.Answer(Model, Tokenizer, _template, _recipe.TemplateVariables, prompt, tokens, seed);

    /// <inheritdoc/>
    public void Dispose() => _model?.Dispose();

    private void Copy(string checkpoint, string name) =>
        AtomicDirectory.Write(
            Path.Combine(_recipe.Out, name),
            overwrite: true,
            place =>
            {
                foreach (
                    string file in (string[])
                        [
                            PeftAdapter.ConfigFile,
                            PeftAdapter.WeightsFile,
                            HfDirectory.GenerationConfigFile,
                            .. File.Exists(Path.Combine(checkpoint, ModelCard.FileName)) ? [ModelCard.FileName] : Array.Empty<string>(),
                        ]
                )
                {
                    File.Copy(Path.Combine(checkpoint, file), Path.Combine(place, file));
                }
                Tokenizer.Save(place);
                CopyTemplates(place);
            }
        );

    private void CopyTemplates(string place)
    {
        if (_templates is not null)
        {
            SidecarFiles.CopyTemplates(_templates, place);
        }
    }
}
