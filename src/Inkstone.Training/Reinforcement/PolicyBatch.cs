using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>One micro-batch of a policy's own answers, with what is known of them. Runs are in the order of the answers.</summary>
public sealed class PolicyBatch(bool share) : ITrainingBatch
{
    /// <summary>Prompts and answers; answers of a group share their prompt.</summary>
    public AnswerBatch Answers { get; } = new(share);

    /// <summary>Log-probabilities when they were written, advantages, masks.</summary>
    public PolicyAnswers Known { get; set; } = new(new TokenRuns(), new TokenRuns());

    /// <summary>The weights are still those that wrote the answers: old log-probabilities are those that the step computes, and need no
    /// pass of their own.</summary>
    public bool OldIsNow { get; set; }

    /// <summary>What a critic said of each token when it was written; null without one.</summary>
    public TokenRuns? Values { get; set; }

    /// <summary>What it should have said.</summary>
    public TokenRuns? Returns { get; set; }

    /// <summary>Answers, or their tokens, by what the loss is a mean over (<see cref="PolicyOptions.PerAnswer"/>).</summary>
    public int LabelCount { get; set; }

    /// <inheritdoc/>
    public int TokenCount => Answers.TokenCount;

    /// <summary>What logs show of the answers beside the loss.</summary>
    internal IReadOnlyList<MetricTerm> Told { get; set; } = [];

    /// <summary>The mean reward of held-out answers, which are measured and not learned from; null: they are learned from.</summary>
    internal double? Reward { get; set; }
}
