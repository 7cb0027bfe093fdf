using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>One micro-batch of a policy's own answers, with what is known of them. Runs are in the order of the answers.</summary>
public sealed class PolicyBatch(bool share) : ITrainingBatch
{
    /// <summary>Prompts and answers; answers of a group share their prompt.</summary>
    public AnswerBatch Answers { get; } = new(share);

    /// <summary>Log-probabilities when they were written, advantages, masks.</summary>
    public PolicyAnswers Known { get; set; } = new(new TokenRuns(), new TokenRuns());

    /// <summary>Answers, or their tokens, by what the loss is a mean over (<see cref="PolicyOptions.PerAnswer"/>).</summary>
    public int LabelCount { get; set; }

    /// <inheritdoc/>
    public int TokenCount => Answers.TokenCount;
}
