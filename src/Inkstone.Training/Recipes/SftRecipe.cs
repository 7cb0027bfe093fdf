using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>Everything that one supervised fine-tuning run is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">Where it starts.</param>
/// <param name="Adapter">The low-rank adapter that is trained; null trains all weights.</param>
/// <param name="Tokenizer">Directory or tokenizer.json; null: the model's own.</param>
/// <param name="Template">A .jinja file, or chatml; null: the tokenizer's own.</param>
/// <param name="TemplateVariables">Further variables of the template, such as enable_thinking; the recipe's chat_template_kwargs.</param>
/// <param name="Data">The conversations.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record SftRecipe(
    BaseModelSection Model,
    LoraConfig? Adapter,
    string? Tokenizer,
    string? Template,
    JsonObject? TemplateVariables,
    ConversationSection Data,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : ITuningRecipe
{
    /// <summary>Whether each label counts as much as the model finds it likely (dynamic fine-tuning); the recipe's objective:
    /// dft.</summary>
    public bool Dynamic { get; init; }

    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static SftRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static SftRecipe Read(RecipeSection root)
    {
        SftRecipe recipe = new(
            BaseModelSection.From(root.Section("model")),
            root.Has("adapter") ? AdapterSection.From(root.Section("adapter")) : null,
            root.Text("tokenizer"),
            root.Text("template"),
            root.FreeMapping("chat_template_kwargs"),
            ConversationSection.From(root.Section("data")),
            OptimizerOptions.From(root.Section("optimizer")),
            ScheduleOptions.From(root.Section("schedule")),
            TrainOptions.From(root.Section("train", out RecipeSection train)),
            DeviceOptions.From(train),
            root.RequiredText("out"),
            ""
        )
        {
            Distributed = DistributedOptions.From(root.Section("distributed")),
            Dynamic = root.Choice("objective", "nll", "nll", "dft") == "dft",
        };
        root.Close();
        return recipe with { Resolved = RecipeFile.Resolved(root) };
    }
}

/// <summary>The model that a fine-tuning run starts from.</summary>
/// <param name="Path">Model directory, .gguf file, or a run, whose best checkpoint is meant.</param>
/// <param name="Weights">Type in which its matrices lie in memory: fp32, bf16, keep (as in the file), or auto: bf16 below an adapter, else
/// fp32.</param>
public sealed record BaseModelSection(string Path, string Weights)
{
    internal static BaseModelSection From(RecipeSection s) =>
        new(s.RequiredText("path"), s.Choice("weights", "auto", "auto", "fp32", "bf16", "keep"));

    /// <summary>That type below an adapter; null keeps those of the file. Weights that are trained are always float32.</summary>
    public DType? BelowAdapter =>
        Weights switch
        {
            "fp32" => DType.Float32,
            "keep" => null,
            _ => DType.BFloat16,
        };
}

/// <summary>A low-rank adapter in a recipe.</summary>
internal static class AdapterSection
{
    private static readonly string[] Attention = ["q_proj", "k_proj", "v_proj", "o_proj"];

    public static LoraConfig From(RecipeSection s)
    {
        int rank = s.Integer("rank", 8, 1, 4096);
        double alpha = s.Number("alpha", 2 * rank, 1e-6, 1e6),
            dropout = s.Number("dropout", 0, 0, 0.99);
        IReadOnlyList<string> targets = s.Texts("targets");
        return new LoraConfig(rank, alpha, s.Has("targets") ? targets : Attention, dropout, s.Flag("rslora", false), s.Flag("dora", false));
    }
}

/// <summary>The conversations of a run.</summary>
/// <param name="Train">JSONL or parquet files, or directories of them.</param>
/// <param name="Valid">Held-out files; empty: a part of the training files is held out.</param>
/// <param name="ValidRatio">That part; 0: no validation.</param>
/// <param name="MaxLength">Most tokens of a conversation, and the length of packed rows.</param>
/// <param name="Overlong">What happens to longer ones: truncate at the end, or skip.</param>
/// <param name="Batching">packed, padding_free or padded.</param>
/// <param name="CompletionsOnly">Learn what the assistant says, or every token.</param>
/// <param name="Shuffle">A new order in each epoch, else the order of the files.</param>
/// <param name="NeftuneAlpha">Strength of the noise on their embeddings (NEFTune); 0: none.</param>
/// <param name="SplitTurns">Whether a conversation becomes one example, or one for each answer.</param>
public sealed record ConversationSection(
    IReadOnlyList<string> Train,
    IReadOnlyList<string> Valid,
    double ValidRatio,
    int MaxLength,
    string Overlong,
    Batching Batching,
    bool CompletionsOnly,
    bool Shuffle,
    double NeftuneAlpha,
    TurnSplitting SplitTurns = TurnSplitting.Auto
)
{
    internal static ConversationSection From(RecipeSection s)
    {
        IReadOnlyList<string> train = s.Texts("train");
        s.Require(train.Count > 0, "train", "must name the files of conversations to learn from");
        return new(
            train,
            s.Texts("valid"),
            s.Number("valid_ratio", 0.02, 0, 0.9),
            s.Integer("max_length", 1024, 2, 1 << 20),
            s.Choice("overlong", "truncate", "truncate", "skip"),
            s.Choice("batching", "packed", "packed", "padding_free", "padded") switch
            {
                "packed" => Batching.Packed,
                "padded" => Batching.Padded,
                _ => Batching.PaddingFree,
            },
            s.Choice("loss", "completions", "completions", "all") == "completions",
            s.Choice("order", "shuffle", "shuffle", "sequential") == "shuffle",
            s.Number("neftune_alpha", 0, 0, 1000),
            s.Choice("split_turns", "auto", "auto", "always", "never") switch
            {
                "always" => TurnSplitting.Always,
                "never" => TurnSplitting.Never,
                _ => TurnSplitting.Auto,
            }
        );
    }
}
