namespace Inkstone.Training;

/// <summary>What every recipe has, whatever it trains on.</summary>
public interface IRecipe
{
    /// <summary>How gradients become steps.</summary>
    OptimizerOptions Optimizer { get; }

    /// <summary>How the learning rate moves.</summary>
    ScheduleOptions Schedule { get; }

    /// <summary>How long, how much at once, what to report.</summary>
    TrainOptions Train { get; }

    /// <summary>What computes; the keys stand in the section train.</summary>
    DeviceOptions Device { get; }

    /// <summary>How several processes train together.</summary>
    DistributedOptions Distributed { get; }

    /// <summary>Directory of the run.</summary>
    string Out { get; }

    /// <summary>The recipe as read, defaults included, as YAML.</summary>
    string Resolved { get; }
}

/// <summary>Everything that one pretraining run is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">The architecture.</param>
/// <param name="Tokenizer">Directory or tokenizer.json that made the shards.</param>
/// <param name="Data">The tokens.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record Recipe(
    ModelOptions Model,
    string Tokenizer,
    DataSection Data,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : IRecipe
{
    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.steps", "100").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static Recipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static Recipe Read(RecipeSection root)
    {
        Recipe recipe = new(
            ModelOptions.From(root.Section("model")),
            root.RequiredText("tokenizer"),
            DataSection.From(root.Section("data")),
            OptimizerOptions.From(root.Section("optimizer")),
            ScheduleOptions.From(root.Section("schedule")),
            TrainOptions.From(root.Section("train", out RecipeSection train)),
            DeviceOptions.From(train),
            root.RequiredText("out"),
            ""
        )
        {
            Distributed = DistributedOptions.From(root.Section("distributed")),
        };
        root.Close();
        return recipe with { Resolved = RecipeFile.Resolved(root) };
    }
}

/// <summary>The tokens of a run.</summary>
/// <param name="Train">Shards, or directories whose train* shards are meant.</param>
/// <param name="Valid">Held-out shards, or directories whose valid* shards are meant; empty: no validation.</param>
/// <param name="SequenceLength">Tokens per row, T.</param>
/// <param name="DocumentAware">Attention ends at document borders.</param>
/// <param name="Shuffle">A new order of windows in each epoch, else the order of the files.</param>
public sealed record DataSection(
    IReadOnlyList<string> Train,
    IReadOnlyList<string> Valid,
    int SequenceLength,
    bool DocumentAware,
    bool Shuffle
)
{
    internal static DataSection From(RecipeSection s, bool needsTrain = true) =>
        new(
            Named(s, s.Texts("train"), needsTrain),
            s.Texts("valid"),
            s.Integer("sequence_length", 512, min: 2, max: 1 << 20),
            s.Flag("document_aware", true),
            s.Choice("order", "shuffle", "shuffle", "sequential") == "shuffle"
        );

    private static IReadOnlyList<string> Named(RecipeSection s, IReadOnlyList<string> train, bool needed)
    {
        s.Require(train.Count > 0 || !needed, "train", "must name the token shards to train on");
        return train;
    }
}
