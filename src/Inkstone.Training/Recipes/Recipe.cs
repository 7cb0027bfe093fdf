namespace Inkstone.Training;

/// <summary>What every recipe has, whatever it trains on.</summary>
public interface IRecipe
{
    /// <summary>How gradients become steps.</summary>
    OptimizerSection Optimizer { get; }

    /// <summary>How the learning rate moves.</summary>
    ScheduleSection Schedule { get; }

    /// <summary>How long, how much at once, what to report.</summary>
    TrainSection Train { get; }

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
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record Recipe(
    ModelSection Model, string Tokenizer, DataSection Data, OptimizerSection Optimizer, ScheduleSection Schedule, TrainSection Train, string Out, string Resolved) : IRecipe
{
    /// <summary>Reads a recipe file with overrides such as ("train.steps", "100").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static Recipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides)
    {
        RecipeSection root = RecipeFile.Load(path, overrides);
        Recipe recipe = new(ModelSection.From(root.Section("model")), root.RequiredText("tokenizer"), DataSection.From(root.Section("data")),
            OptimizerSection.From(root.Section("optimizer")), ScheduleSection.From(root.Section("schedule")), TrainSection.From(root.Section("train")),
            root.RequiredText("out"), "");
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
public sealed record DataSection(IReadOnlyList<string> Train, IReadOnlyList<string> Valid, int SequenceLength, bool DocumentAware, bool Shuffle)
{
    internal static DataSection From(RecipeSection s) => new(
        Named(s, s.Texts("train")),
        s.Texts("valid"),
        s.Integer("sequence_length", 512, min: 2, max: 1 << 20),
        s.Flag("document_aware", true),
        s.Choice("order", "shuffle", "shuffle", "sequential") == "shuffle");

    private static IReadOnlyList<string> Named(RecipeSection s, IReadOnlyList<string> train)
    {
        s.Require(train.Count > 0, "train", "must name the token shards to train on");
        return train;
    }
}

/// <summary>How gradients become steps.</summary>
/// <param name="Name">adamw, or muon for the matrices inside the blocks with AdamW for the rest.</param>
/// <param name="LearningRate">Peak rate of AdamW.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Eps">Added to the root of the second moment.</param>
/// <param name="WeightDecay">Decoupled decay of matrices.</param>
/// <param name="Clip">Largest global norm of the gradient; 0 does not clip.</param>
/// <param name="MuonLearningRate">Peak rate of Muon.</param>
/// <param name="MuonWeightDecay">Decay of Muon's matrices.</param>
public sealed record OptimizerSection(
    string Name, double LearningRate, double Beta1, double Beta2, double Eps, double WeightDecay, double Clip, double MuonLearningRate, double MuonWeightDecay)
{
    internal static OptimizerSection From(RecipeSection s)
    {
        string name = s.Choice("name", "adamw", "adamw", "muon");
        double rate = s.Number("lr", 3e-4, 0, 1e6);
        RecipeSection muon = s.Section("muon");
        return new(name, rate, s.Number("beta1", 0.9, 0, 0.999999), s.Number("beta2", 0.95, 0, 0.9999999), s.Number("eps", 1e-8, 1e-20, 1),
            s.Number("weight_decay", 0.1, 0, 10), s.Number("clip", 1.0, 0, 1e6), muon.Number("lr", 0.02, 0, 1e6), muon.Number("weight_decay", 0.1, 0, 10));
    }
}

/// <summary>How the learning rate moves.</summary>
/// <param name="Name">constant, linear, cosine, or wsd (warm-up, stable, decay).</param>
/// <param name="WarmupSteps">Steps from 0 to the peak.</param>
/// <param name="MinRate">Where the decay ends, as a fraction of the peak.</param>
/// <param name="DecaySteps">Length of wsd's decay; null: a fifth of the run.</param>
/// <param name="Decay">Shape of wsd's decay: linear, or 1 − √progress.</param>
public sealed record ScheduleSection(string Name, int WarmupSteps, double MinRate, int? DecaySteps, string Decay)
{
    internal static ScheduleSection From(RecipeSection s) => new(
        s.Choice("name", "cosine", "constant", "linear", "cosine", "wsd"),
        s.Integer("warmup_steps", 100),
        s.Number("min_rate", 0.1, 0, 1),
        (int?)s.OptionalInteger("decay_steps", 1, int.MaxValue),
        s.Choice("decay", "linear", "linear", "1-sqrt"));
}

/// <summary>How long, how much at once, and what to report.</summary>
/// <param name="Steps">Optimizer steps; exactly one of steps, tokens, minutes and epochs is given.</param>
/// <param name="Tokens">Tokens to see.</param>
/// <param name="Minutes">Wall time; turned into a number of steps after the first few have been timed.</param>
/// <param name="Epochs">Passes over the data, perhaps not whole.</param>
/// <param name="BatchSize">Rows per micro-batch.</param>
/// <param name="Accumulation">Micro-batches per step.</param>
/// <param name="Precision">fp32 or bf16.</param>
/// <param name="Recompute">Keep only the inputs of blocks and compute what is inside again in the backward pass: less memory, a third more arithmetic.</param>
/// <param name="Seed">Seed of weights, shuffling and samples.</param>
/// <param name="Threads">0: one per core.</param>
/// <param name="EvalEvery">Steps between validations; 0: only at both ends.</param>
/// <param name="Patience">Validations in a row without a new best after which the run ends; 0: never.</param>
/// <param name="EvalBatches">Batches per validation; 0: all.</param>
/// <param name="SampleEvery">Steps between samples; 0: none.</param>
/// <param name="SamplePrompts">Beginnings to continue.</param>
/// <param name="SampleTokens">Tokens per sample.</param>
/// <param name="SaveEvery">Steps between checkpoints; 0: only the last.</param>
/// <param name="Keep">Checkpoints kept besides best and last.</param>
public sealed record TrainSection(
    int? Steps, long? Tokens, double? Minutes, double? Epochs, int BatchSize, int Accumulation, string Precision, bool Recompute, long Seed, int Threads,
    int EvalEvery, int Patience, int EvalBatches, int SampleEvery, IReadOnlyList<string> SamplePrompts, int SampleTokens, int SaveEvery, int Keep)
{
    internal static TrainSection From(RecipeSection s)
    {
        TrainSection train = new((int?)s.OptionalInteger("steps", 1, int.MaxValue), s.OptionalInteger("tokens", 1, 1_000_000_000_000_000), s.OptionalNumber("minutes", 0.01, 1e6), s.OptionalNumber("epochs", 0.0001, 1e6),
            s.Integer("batch_size", 8, 1, 1 << 16), s.Integer("accumulation", 1, 1, 1 << 16), s.Choice("precision", "fp32", "fp32", "bf16"),
            s.Flag("recompute", false), s.Integer("seed", 42), s.Integer("threads", 0, 0, 4096), s.Integer("eval_every", 100), s.Integer("patience", 0), s.Integer("eval_batches", 20),
            s.Integer("sample_every", 0), s.Texts("sample_prompts"), s.Integer("sample_tokens", 64, 1), s.Integer("save_every", 100), s.Integer("keep", 2));
        int budgets = (train.Steps is null ? 0 : 1) + (train.Tokens is null ? 0 : 1) + (train.Minutes is null ? 0 : 1) + (train.Epochs is null ? 0 : 1);
        s.Require(budgets == 1, "steps", $"or tokens, minutes or epochs must be given, exactly one of the four, got {budgets}");
        return train;
    }
}
