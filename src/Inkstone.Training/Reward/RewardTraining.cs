using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run that makes a reward model: a language model whose head has given place to one number, which is to be higher for preferred
/// answers.</summary>
public sealed class RewardTraining : ITuningRun
{
    private readonly ScoredModel _model;
    private readonly TrainRun<RewardBatch> _run;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public RewardTraining(RewardRecipe recipe, Device device, RunOptions options)
    {
        recipe = recipe with { Train = options.Deal(recipe.Train) };
        RunStart start = RunStart.Prepare(
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
        using TunedModel tuned = new(recipe, options.Warn);
        if (!Directory.Exists(tuned.BaseModel))
        {
            throw new InvalidDataException(
                $"model.path {recipe.Model.Path} is a .gguf file; a reward model is trained from a model directory: ink convert makes one"
            );
        }
        PreferenceReader reader = new();
        PreferenceTokens tokens = new(tuned.Tokenizer, () => tuned.Template, recipe.TemplateVariables);
        Data = PreferenceSet.Make(
            reader.ReadPairs(InputFiles.Find(recipe.Data.Train)),
            reader.ReadPairs(InputFiles.Find(recipe.Data.Valid)),
            recipe.Data with
            {
                Overlong = "skip",
            },
            tokens,
            reader
        );
        Data.Tell(options.Warn);
        if (Data.Train.Count == 0)
        {
            throw new InvalidDataException($"data.train holds no pair to learn from ({string.Join(", ", recipe.Data.Train)})");
        }
        _model = ScoredModel.Open(start.Checkpoint ?? tuned.BaseModel, device, (ulong)recipe.Train.Seed);
        RunModel.CheckVocabulary(_model.Model, tuned.BaseModel, tuned.Tokenizer, recipe.Tokenizer ?? tuned.BaseModel);
        _model.Model.TrainingRng.Silent = true;
        PreferenceSourceOptions sourcing = new(
            recipe.Train.BatchSize,
            recipe.Data.Shuffle ? (ulong)recipe.Train.Seed : null,
            recipe.Data.SharePrompts && _model.Model.SharesPrompts,
            Epochs: recipe.Train.Epochs
        );
        RewardSource source = new(Data.Train, sourcing);
        RewardSource? held =
            Data.Valid.Count == 0 ? null : new(Data.Valid, sourcing with { ShuffleSeed = null, Finite = true, Epochs = null });
        _run = new TrainRun<RewardBatch>(
            recipe,
            start,
            new RunParts<RewardBatch>(
                _model.Model,
                tuned.Tokenizer,
                source,
                held,
                Data.RunData(),
                FromNothing: false,
                new RewardObjective(_model, recipe.Centering).ComputeLoss,
                directory => _model.Write(directory, tuned.Tokenizer.PadId),
                (_, _, _) => ""
            )
            {
                Trained = _model.Trained,
                LossBound = double.PositiveInfinity,
            }
        );
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>What the data became.</summary>
    public PreferenceSet Data { get; }

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled) => _run.Run(screen, cancelled);

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();
}
