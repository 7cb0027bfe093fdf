using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>One micro-batch of preferences: pairs (all chosen answers, then all rejected ones) or single answers that are good or
/// bad.</summary>
public sealed class PreferenceBatch(bool share) : ITrainingBatch
{
    /// <summary>Prompts and answers.</summary>
    public AnswerBatch Answers { get; } = new(share);

    /// <summary>Log-probabilities of the answers under the reference, in the shape of their runs; meaningless where the reference is not
    /// stored.</summary>
    public TokenRuns Reference { get; } = new();

    /// <summary>In KTO, prompts with answers to others: how far the policy has moved.</summary>
    public AnswerBatch Moved { get; } = new(share);

    /// <summary>Their log-probabilities under the reference.</summary>
    public TokenRuns MovedReference { get; } = new();

    /// <summary>Whether each single answer is good.</summary>
    public List<bool> Good { get; } = [];

    /// <summary>Pairs, or single answers.</summary>
    public int LabelCount { get; set; }

    /// <inheritdoc/>
    public int TokenCount => Answers.TokenCount;

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Answers.Clear();
        Moved.Clear();
        Reference.Clear();
        MovedReference.Clear();
        Good.Clear();
        LabelCount = 0;
    }
}
