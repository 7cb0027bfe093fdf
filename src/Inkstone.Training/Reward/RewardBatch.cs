using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>One micro-batch of pairs for a reward model.</summary>
public sealed class RewardBatch(bool share) : ITrainingBatch
{
    /// <summary>Whole texts, of which the last token is asked about: all chosen ones, then all rejected ones.</summary>
    public AnswerBatch Texts { get; } = new(share, ends: true);

    /// <summary>How much better each chosen answer is; none where the data do not say.</summary>
    public List<double> Margins { get; } = [];

    /// <summary>Pairs.</summary>
    public int LabelCount { get; set; }

    /// <inheritdoc/>
    public int TokenCount => Texts.TokenCount;
}
