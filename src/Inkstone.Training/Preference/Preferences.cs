using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of preference learning: recipe → pairs or judged answers, model with or without an adapter, reference, run.</summary>
public sealed class Preferences : ITuningRun
{
    private const int WatchedPromptTokens = 512;

    private readonly PreferenceRecipe _recipe;
    private readonly Device _device;
    private readonly RunStart _start;
    private readonly RunOptions _options;
    private readonly TunedModel _tuned;
    private readonly PreferenceSource _source;
    private readonly PreferenceSource? _held;
    private readonly TrainRun<PreferenceBatch> _run;
    private readonly bool _stored;
    private CancellationToken _cancelled;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Preferences(PreferenceRecipe recipe, Device device, RunOptions options)
    {
        recipe = recipe with { Train = options.Deal(recipe.Train) };
        (_recipe, _device, _options) = (recipe, device, options);
        _start = RunStart.Prepare(
            recipe,
            options,
            [
                .. recipe.Data.Train,
                .. recipe.Data.Valid,
                recipe.Model.Path,
                recipe.Tokenizer,
                File.Exists(recipe.Template) ? recipe.Template : null,
            ]
        );
        _tuned = new TunedModel(recipe, options.Warn);
        Data = Read(options.Warn);
        CausalLm model = _tuned.Open(_start.Checkpoint, device, options.Warn);
        model.TrainingRng.Silent = true;
        if (model.Adapter?.Config.Dropout > 0)
        {
            options.Warn("the adapter's dropout is off: policy and reference are compared, and noise would count as a difference");
        }
        bool singles = recipe.Loss.Singles is not null,
            needsReference = singles || recipe.Loss.Pairs!.NeedsReference,
            newAdapter = recipe.Adapter is not null;
        bool share = recipe.Data.SharePrompts && model.SharesPrompts;
        if (recipe.Data.SharePrompts && !share)
        {
            options.Warn(
                "prompts are computed once for each answer: layers of this family carry a state from token to token, which answers cannot share"
            );
        }
        if (recipe.Loss.Reference == "adapter_off" && !newAdapter)
        {
            throw new InvalidDataException(
                "loss.reference adapter_off needs a new adapter (the recipe's adapter section): without it the model as it was is no longer there after the first step; take stored"
            );
        }
        _stored = needsReference && recipe.Loss.Reference != "adapter_off";
        PreferenceSourceOptions sourcing = new(
            recipe.Train.BatchSize,
            recipe.Data.Shuffle ? (ulong)recipe.Train.Seed : null,
            share,
            Epochs: recipe.Train.Epochs
        );
        bool prompts = recipe.Loss.Pairs?.NeedsPrompts ?? false;
        _source = new PreferenceSource(Data.Train, sourcing, prompts, options.Warn);
        _held =
            Data.Valid.Count == 0 || (singles && Data.Valid.Count == 1)
                ? null
                : new PreferenceSource(
                    Data.Valid,
                    sourcing with
                    {
                        ShuffleSeed = null,
                        Finite = true,
                        Epochs = null,
                    },
                    prompts,
                    options.Warn
                );
        Objective<PreferenceBatch> objective = singles
            ? PreferenceObjective.OfSingles(model, recipe.Loss.Singles!, needsReference && !_stored)
            : PreferenceObjective.OfPairs(model, recipe.Loss.Pairs!, needsReference && !_stored);
        _run = new TrainRun<PreferenceBatch>(
            recipe,
            _start,
            new RunParts<PreferenceBatch>(
                model,
                _tuned.Tokenizer,
                _source,
                _held,
                Data.RunData(),
                FromNothing: false,
                objective,
                _tuned.Write,
                _tuned.Answer
            )
            {
                LossBound = double.PositiveInfinity, // squared losses begin far above any guess
                Watch = new CollapseWatch(recipe.Watch, model, _tuned.Tokenizer, WatchedPrompts(), _tuned.Ends(), options.Warn),
                Begin = Reference,
            }
        );
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>What the data became.</summary>
    public PreferenceSet Data { get; }

    /// <summary>Trains to the end, or until cancelled and saved. A whole adapter run leaves the last and the best adapter in OUT/final and
    /// OUT/best.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        _cancelled = cancelled;
        RunResult result = _run.Run(screen, cancelled);
        _tuned.Keep(result, _options.Leads);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _tuned.Dispose();

    private PreferenceSet Read(Action<string> warn)
    {
        PreferenceReader reader = new();
        PreferenceSection data = _recipe.Data;
        IReadOnlyList<string> train = InputFiles.Find(data.Train),
            valid = InputFiles.Find(data.Valid);
        bool singles = _recipe.Loss.Singles is not null;
        PreferenceTokens tokens = new(_tuned.Tokenizer, () => _tuned.Template, _recipe.TemplateVariables);
        PreferenceSet set = PreferenceSet.Make(
            singles ? reader.ReadSingles(train) : reader.ReadPairs(train),
            singles ? reader.ReadSingles(valid) : reader.ReadPairs(valid),
            data,
            tokens,
            reader
        );
        set.Tell(warn);
        return set.Train.Count > 0
            ? set
            : throw new InvalidDataException($"data.train holds no preference to learn from ({string.Join(", ", data.Train)})");
    }

    private int[][] WatchedPrompts() =>
        [
            .. (Data.Valid.Count > 0 ? Data.Valid : Data.Train)
                .Select(e => e.Prompt)
                .Where(p => p.Length is > 0 and <= WatchedPromptTokens)
                .Take(_recipe.Watch.Prompts),
        ];

    /// <summary>The reference is the model before the first step: the base, or the base with the adapter that the run goes on
    /// with.</summary>
    private void Reference()
    {
        if (!_stored)
        {
            return;
        }
        RunData data = Data.RunData();
        string fingerprint = $"{data.Train} {data.Valid} {_recipe.Train.BatchSize} {_recipe.Train.Seed}";
        // The first process has computed and written them before the others begin.
        if ((_start.Checkpoint is not null || !_options.Leads) && ReferenceStore.Read(_recipe.Out, fingerprint, _source, _held))
        {
            return;
        }
        if (_start.Checkpoint is null)
        {
            ReferenceStore.Compute(_tuned.Model, _recipe.Out, fingerprint, null, _cancelled, _source, _held);
            return;
        }
        using TunedModel before = new(_recipe, _ => { });
        ReferenceStore.Compute(before.Open(null, _device, _ => { }), _recipe.Out, fingerprint, null, _cancelled, _source, _held);
    }
}
