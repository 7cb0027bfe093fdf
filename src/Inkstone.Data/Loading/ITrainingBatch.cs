namespace Inkstone.Data;

/// <summary>What a training step asks of a micro-batch, whatever else is in it.</summary>
public interface ITrainingBatch
{
    /// <summary>
    /// What the loss is a mean over: labels that are learned from, or pairs that are compared. The losses of a step's micro-batches are
    /// divided by the sum of these,
    /// so that 8 × 1 and 1 × 8 micro-batches give the same gradient. A batch with 0 is passed over.
    /// </summary>
    int LabelCount { get; }

    /// <summary>Tokens that are not padding.</summary>
    int TokenCount { get; }
}
