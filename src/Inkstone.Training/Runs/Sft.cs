using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A supervised fine-tuning run: recipe → conversations, model with or without an adapter, run.</summary>
public sealed class Sft : ITuningRun
{
    private readonly TunedModel _tuned;
    private readonly TrainRun<Batch> _run;
    private readonly bool _leads;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Sft(SftRecipe recipe, Device device, RunOptions options)
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
        _leads = options.Leads;
        _tuned = new TunedModel(recipe, options.Warn);
        Conversations = Read(recipe.Data, recipe, _tuned, options.Warn);
        CausalLm model = _tuned.Open(start.Checkpoint, device, options.Warn);
        model.TrainingRng.EmbeddingAlpha = recipe.Data.NeftuneAlpha;
        (ExampleLoader source, ExampleLoader? held) = Loaders(Conversations, recipe.Data, recipe.Train, _tuned.Tokenizer);
        Objective<Batch> objective = recipe.Dynamic ? new DynamicTokens(model).ComputeLoss : NextToken.Create(model);
        _run = new TrainRun<Batch>(
            recipe,
            start,
            new RunParts<Batch>(
                model,
                _tuned.Tokenizer,
                source,
                held,
                RunData.Describe(Conversations),
                FromNothing: false,
                objective,
                _tuned.Write,
                _tuned.Answer
            )
            {
                TextBytes = recipe.Dynamic ? null : new LabelBytes(_tuned.Tokenizer).Count,
            }
        );
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>What the data became.</summary>
    public ConversationSet Conversations { get; }

    /// <summary>Trains to the end, or until cancelled and saved. A whole adapter run leaves the last and the best adapter in OUT/final and
    /// OUT/best.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunResult result = _run.Run(screen, cancelled);
        _tuned.Keep(result, _leads);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _tuned.Dispose();

    /// <summary>A tokenizer with the chat template that a recipe or <c>--template</c> names: a file, or chatml; null leaves its
    /// own.</summary>
    public static Tokenizer WithTemplate(Tokenizer tokenizer, string? template) =>
        template is null
            ? tokenizer
            : tokenizer.WithChatTemplate(
                template == "chatml" ? ChatTemplate.ChatMl
                : File.Exists(template) ? File.ReadAllText(template)
                : throw new FileNotFoundException($"template names {template}, which does not exist; give a .jinja file or chatml")
            );

    /// <summary>Batches of conversations, to learn from and held out.</summary>
    internal static (ExampleLoader Source, ExampleLoader? HeldOut) Loaders(
        ConversationSet set,
        ConversationSection data,
        TrainOptions train,
        Tokenizer tokenizer
    )
    {
        ExampleLoaderOptions loading = new(
            train.BatchSize,
            data.MaxLength,
            data.Batching,
            data.Shuffle ? (ulong)train.Seed : null,
            PadId: tokenizer.PadId ?? 0,
            Epochs: train.Epochs
        );
        return (
            new(set.Train, loading),
            set.Valid.Count == 0 ? null : new(set.Valid, loading with { ShuffleSeed = null, Finite = true, Epochs = null })
        );
    }

    /// <summary>Conversations as examples; what was left out is told.</summary>
    internal static ConversationSet Read(ConversationSection data, ITuningRecipe recipe, TunedModel tuned, Action<string> warn)
    {
        ConversationReader reader = new();
        ChatTemplate template = tuned.Template;
        ChatMasks masks = new(
            template,
            tuned.Tokenizer,
            new ChatMaskOptions(data.SplitTurns, Everything: !data.CompletionsOnly, recipe.TemplateVariables)
        );
        ILookup<bool, string> train = InputFiles.Find(data.Train).ToLookup(TokenizedExamples.Are),
            valid = InputFiles.Find(data.Valid).ToLookup(TokenizedExamples.Are);
        ConversationSet set = ConversationSet.Make(
            reader.Read(train[false]),
            reader.Read(valid[false]),
            data,
            masks,
            train[true].SelectMany(TokenizedExamples.Read),
            valid[true].SelectMany(TokenizedExamples.Read)
        );
        if (template.SplitSpecialTokens(tuned.Tokenizer) is { Count: > 0 } split)
        {
            warn(
                $"the chat template writes {string.Join(", ", split)}, which the tokenizer has no token for and cuts into pieces: add the tokens, or use another template"
            );
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
        return set.Train.Count > 0
            ? set
            : throw new InvalidDataException($"data.train holds no conversation to learn from ({string.Join(", ", data.Train)})");
    }
}
