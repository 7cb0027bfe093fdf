using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>What training minimises: the part that one micro-batch has in the loss of its step, recorded on the tape when that
/// records.</summary>
/// <typeparam name="TBatch">what a micro-batch is</typeparam>
/// <param name="batch">the micro-batch</param>
/// <param name="normalizer">the <see cref="ITrainingBatch.LabelCount"/> of all micro-batches of the step together: sums over a batch are
/// divided by it, so that 8 × 1 and 1 × 8 micro-batches give the same gradient</param>
public delegate LossTerms Objective<TBatch>(TBatch batch, float normalizer)
    where TBatch : ITrainingBatch;
