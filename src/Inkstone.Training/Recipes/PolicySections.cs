namespace Inkstone.Training;

/// <summary>The prompts of a run.</summary>
/// <param name="Train">JSONL, JSON, CSV, Parquet or Arrow files, or directories of them; a bare name may be that of prompts that come with
/// the program.</param>
/// <param name="Valid">Held-out files; empty: a part of the training files is held out.</param>
/// <param name="ValidRatio">That part; 0: no validation.</param>
/// <param name="MaxPromptLength">Most tokens of a prompt; longer ones are left out and never cut.</param>
/// <param name="System">What a system message says before prompts that are messages and have none; null: nothing.</param>
/// <param name="Shuffle">A new order in each pass, else the order of the files.</param>
public sealed record PromptSection(
    IReadOnlyList<string> Train,
    IReadOnlyList<string> Valid,
    double ValidRatio,
    int MaxPromptLength,
    string? System,
    bool Shuffle
)
{
    internal static PromptSection From(RecipeSection s)
    {
        IReadOnlyList<string> train = s.Texts("train");
        s.Require(train.Count > 0, "train", "must name the files of prompts to learn from");
        return new(
            train,
            s.Texts("valid"),
            s.Number("valid_ratio", 0.05, 0, 0.9),
            s.Integer("max_prompt_length", 1024, 1, 1 << 20),
            s.Text("system"),
            s.Choice("order", "shuffle", "shuffle", "sequential") == "shuffle"
        );
    }
}

/// <summary>How the policy answers, and how long its answers are learned from.</summary>
/// <param name="Generations">Answers to each prompt: a group.</param>
/// <param name="MaxTokens">Most tokens of an answer.</param>
/// <param name="Temperature">At which answers are drawn; log-probabilities in the loss are at it, too.</param>
/// <param name="StepsPerGeneration">Steps that the answers of one rollout are spread over.</param>
/// <param name="Iterations">How often each is learned from.</param>
/// <param name="MaskTruncated">Whether answers that were cut at <paramref name="MaxTokens"/> teach nothing; their rewards count in their
/// group all the same.</param>
/// <param name="Correction">What answers count that the sampler finds otherwise likely than the trainer: of the sequence or of each token,
/// left out (mask) or cut (truncate) beyond <paramref name="CorrectionCap"/>; or none.</param>
/// <param name="CorrectionCap">The upper bound of that ratio.</param>
/// <param name="Samples">Answers of a rollout that logs show, as often as train.sample_every says.</param>
public sealed record RolloutSection(
    int Generations,
    int MaxTokens,
    double Temperature,
    int StepsPerGeneration,
    int Iterations,
    bool MaskTruncated,
    string Correction,
    double CorrectionCap,
    int Samples
)
{
    internal static RolloutSection From(RecipeSection s, int generations, int iterations) =>
        new(
            s.Integer("num_generations", generations, 1, 4096),
            s.Integer("max_completion_length", 256, 1, 1 << 20),
            s.Number("temperature", 1, 0.01, 100),
            s.Integer("steps_per_generation", 1, 1, 4096),
            s.Integer("num_iterations", iterations, 1, 100),
            s.Flag("mask_truncated_completions", false),
            s.Choice(
                "importance_sampling_correction",
                "sequence_mask",
                "sequence_mask",
                "sequence_truncate",
                "token_mask",
                "token_truncate",
                "none"
            ),
            s.Number("importance_sampling_cap", 3, 1, 1e6),
            s.Integer("samples", 2, 0, 100)
        );

    /// <summary>The correction, or null.</summary>
    public SamplerRatio? Ratio =>
        Correction == "none"
            ? null
            : new SamplerRatio(
                Correction.StartsWith("sequence", StringComparison.Ordinal),
                Correction.EndsWith("mask", StringComparison.Ordinal),
                CorrectionCap
            );

    /// <summary>How answers become batches; refuses sizes that do not fit.</summary>
    internal PolicySourceOptions Sourcing(TrainOptions train, bool perAnswer, bool share, bool shuffle)
    {
        long answers = (long)train.BatchSize * train.Accumulation * StepsPerGeneration;
        return answers % Generations == 0
            ? new PolicySourceOptions(
                Generations,
                train.BatchSize,
                train.Accumulation * StepsPerGeneration,
                train.Accumulation,
                Iterations,
                perAnswer,
                MaskTruncated,
                share,
                shuffle ? (ulong)train.Seed : null
            )
            : throw new InvalidDataException(
                $"train.batch_size × train.accumulation × rollout.steps_per_generation is {answers} answers, which are no whole groups of rollout.num_generations {Generations}; make it a multiple of that"
            );
    }
}
