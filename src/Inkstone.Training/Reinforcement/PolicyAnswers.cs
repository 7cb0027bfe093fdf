namespace Inkstone.Training;

/// <summary>What is known of a policy's own answers besides their log-probabilities now. All runs have the shape of these.</summary>
/// <param name="Old">log-probabilities when they were written, by the trainer's arithmetic</param>
/// <param name="Advantages">one number for each answer, or one for each token</param>
public sealed record PolicyAnswers(TokenRuns Old, TokenRuns Advantages)
{
    /// <summary>Log-probabilities under the reference; needed where <see cref="PolicyOptions.Beta"/> is above 0.</summary>
    public TokenRuns? Reference { get; init; }

    /// <summary>1 for tokens that are learned from, 0 for those of tools and of answers that were cut; null: all are.</summary>
    public TokenRuns? Mask { get; init; }

    /// <summary>What each token counts because another program wrote it, of <see cref="SamplerRatio"/>: one number for each answer, or for
    /// each token; null: 1.</summary>
    public TokenRuns? Sampler { get; init; }

    /// <summary>Log-probabilities by the arithmetic of the program that wrote them; null: as <see cref="Old"/>.</summary>
    public TokenRuns? SampledBy { get; init; }

    internal double AdvantageOf(int run, int token) => At(Advantages, run, token);

    internal double SamplerOf(int run, int token) => Sampler is null ? 1 : At(Sampler, run, token);

    internal double MaskOf(int run, int token) => Mask is null ? 1 : Mask[run][token];

    private double At(TokenRuns of, int run, int token) =>
        of[run] is { Length: > 0 } numbers ? numbers[of.Length(run) == Old.Length(run) && numbers.Length > 1 ? token : 0] : 0;
}
