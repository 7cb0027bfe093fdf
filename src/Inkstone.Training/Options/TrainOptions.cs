namespace Inkstone.Training;

/// <summary>How long, how much at once, and what to report. Exactly one of steps, tokens, minutes and epochs is given.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Tokens">Tokens to see.</param>
/// <param name="Minutes">Wall time; turned into a number of steps after the first few have been timed.</param>
/// <param name="Epochs">Passes over the data, perhaps not whole.</param>
/// <param name="BatchSize">Rows per micro-batch.</param>
/// <param name="Accumulation">Micro-batches per step.</param>
/// <param name="Recompute">Keep only the inputs of blocks and compute what is inside again in the backward pass: less memory, a third more
/// arithmetic.</param>
/// <param name="Seed">Seed of weights, shuffling and samples.</param>
/// <param name="EvalEvery">Steps between validations; 0: only at both ends.</param>
/// <param name="Patience">Validations in a row without a new best after which the run ends; 0: never.</param>
/// <param name="EvalBatches">Batches per validation; 0: all.</param>
/// <param name="SampleEvery">Steps between samples; 0: none.</param>
/// <param name="SamplePrompts">Beginnings to continue.</param>
/// <param name="SampleTokens">Tokens per sample.</param>
/// <param name="SaveEvery">Steps between checkpoints; 0: only the last.</param>
/// <param name="Keep">Checkpoints kept besides best and last.</param>
public sealed record TrainOptions(
    int? Steps = null,
    long? Tokens = null,
    double? Minutes = null,
    double? Epochs = null,
    int BatchSize = 8,
    int Accumulation = 1,
    bool Recompute = false,
    long Seed = 42,
    int EvalEvery = 100,
    int Patience = 0,
    int EvalBatches = 20,
    int SampleEvery = 0,
    IReadOnlyList<string>? SamplePrompts = null,
    int SampleTokens = 64,
    int SaveEvery = 100,
    int Keep = 2
)
{
    /// <summary>How many of the four lengths are given.</summary>
    internal int Budgets => (Steps is null ? 0 : 1) + (Tokens is null ? 0 : 1) + (Minutes is null ? 0 : 1) + (Epochs is null ? 0 : 1);

    internal static TrainOptions From(RecipeSection s)
    {
        TrainOptions absent = new();
        TrainOptions train = new(
            (int?)s.OptionalInteger("steps", 1, int.MaxValue),
            s.OptionalInteger("tokens", 1, 1_000_000_000_000_000),
            s.OptionalNumber("minutes", 0.01, 1e6),
            s.OptionalNumber("epochs", 0.0001, 1e6),
            s.Integer("batch_size", absent.BatchSize, 1, 1 << 16),
            s.Integer("accumulation", absent.Accumulation, 1, 1 << 16),
            s.Flag("recompute", absent.Recompute),
            s.Integer("seed", (int)absent.Seed),
            s.Integer("eval_every", absent.EvalEvery),
            s.Integer("patience", absent.Patience),
            s.Integer("eval_batches", absent.EvalBatches),
            s.Integer("sample_every", absent.SampleEvery),
            s.Texts("sample_prompts"),
            s.Integer("sample_tokens", absent.SampleTokens, 1),
            s.Integer("save_every", absent.SaveEvery),
            s.Integer("keep", absent.Keep)
        );
        s.Require(train.Budgets == 1, "steps", $"or tokens, minutes or epochs must be given, exactly one of the four, got {train.Budgets}");
        return train;
    }

    /// <summary>Refuses lengths and sizes that mean nothing.</summary>
    /// <exception cref="ArgumentException">One is wrong; the message names it.</exception>
    public TrainOptions Validate()
    {
        if (Budgets != 1)
        {
            throw new ArgumentException($"exactly one of Steps, Tokens, Minutes and Epochs must be given, got {Budgets}");
        }
        foreach (
            (string name, double value, double least) in (ReadOnlySpan<(string, double, double)>)
                [
                    ("Steps", Steps ?? 1, 1),
                    ("Tokens", Tokens ?? 1, 1),
                    ("Minutes", Minutes ?? 1, double.Epsilon),
                    ("Epochs", Epochs ?? 1, double.Epsilon),
                    ("BatchSize", BatchSize, 1),
                    ("Accumulation", Accumulation, 1),
                    ("EvalEvery", EvalEvery, 0),
                    ("Patience", Patience, 0),
                    ("EvalBatches", EvalBatches, 0),
                    ("SampleEvery", SampleEvery, 0),
                    ("SaveEvery", SaveEvery, 0),
                    ("Keep", Keep, 0),
                ]
        )
        {
            if (!(value >= least))
            {
                throw new ArgumentException(
                    FormattableString.Invariant(
                        $"{name} must be {(least == 1 ? "at least 1" : least == 0 ? "0 or more" : "above 0")}, got {value}"
                    )
                );
            }
        }
        return this;
    }
}
